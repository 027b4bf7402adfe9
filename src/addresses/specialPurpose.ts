import { type AddressWords, parseAddress } from './address.ts';

/** A block of addresses that belong to nobody on the public Internet. */
export interface SpecialBlock {
  /** u32[4]: its first address */
  words: AddressWords;
  /** length of its prefix in the 128 bits of `AddressWords` */
  bits: number;
  /** what it is, for a sentence: "of a private network (RFC 1918)" */
  meaning: string;
}

/** IANA's registries of special-purpose addresses (RFC 6890 and its updates), as far as logs can hold them; and multicast. */
const BLOCKS: SpecialBlock[] = (
  [
    ['0.0.0.0/8', 'of "this network" (RFC 791)'],
    ['10.0.0.0/8', 'of a private network (RFC 1918)'],
    ['100.64.0.0/10', 'of the address space that carriers share (RFC 6598)'],
    ['127.0.0.0/8', 'the machine itself (RFC 1122)'],
    ['169.254.0.0/16', 'link-local (RFC 3927)'],
    ['172.16.0.0/12', 'of a private network (RFC 1918)'],
    ['192.0.0.0/24', 'set aside for protocols (RFC 6890)'],
    ['192.0.2.0/24', 'for documentation only (RFC 5737)'],
    ['192.168.0.0/16', 'of a private network (RFC 1918)'],
    ['198.18.0.0/15', 'for benchmarks only (RFC 2544)'],
    ['198.51.100.0/24', 'for documentation only (RFC 5737)'],
    ['203.0.113.0/24', 'for documentation only (RFC 5737)'],
    ['224.0.0.0/4', 'multicast (RFC 5771)'],
    ['240.0.0.0/4', 'reserved (RFC 1112)'],
    ['::/128', 'unspecified (RFC 4291)'],
    ['::1/128', 'the machine itself (RFC 4291)'],
    ['100::/64', 'discarded (RFC 6666)'],
    ['2001:db8::/32', 'for documentation only (RFC 3849)'],
    ['3fff::/20', 'for documentation only (RFC 9637)'],
    ['fc00::/7', 'of a private network (unique local, RFC 4193)'],
    ['fe80::/10', 'link-local (RFC 4291)'],
    ['ff00::/8', 'multicast (RFC 4291)'],
  ] as const
).map(([network, meaning]) => {
  const [address, length] = network.split('/');
  const bits = Number(length) + (address.includes(':') ? 0 : 96);
  return { words: parseAddress(address)!, bits, meaning };
});

/** For each first 8 bits of an IPv4 address, and of the first word of IPv6, whether some block begins with them. */
const CANDIDATES = new Uint8Array(512);
for (const { words, bits } of BLOCKS) {
  const isIpv4 = bits >= 96 && words[2] === 0xffff;
  const first = isIpv4 ? words[3] >>> 24 : 256 + (words[0] >>> 24);
  const wide = Math.max(0, 8 - (isIpv4 ? bits - 96 : bits));
  for (let at = first; at < first + 2 ** wide; at++) CANDIDATES[at] = 1;
}

/** The special block that holds an address, undefined for a public one. */
export function specialBlockOf(words: AddressWords, index = 0): SpecialBlock | undefined {
  const at = index * 4;
  const isIpv4 = words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0xffff;
  if (CANDIDATES[isIpv4 ? words[at + 3] >>> 24 : 256 + (words[at] >>> 24)] === 0) return undefined;
  return BLOCKS.find((block) => isWithin(words, at, block));
}

function isWithin(words: AddressWords, at: number, block: SpecialBlock): boolean {
  for (let word = 0; word * 32 < block.bits; word++) {
    const rest = Math.max(0, 32 - (block.bits - word * 32));
    const difference = words[at + word] ^ block.words[word];
    if (rest === 32 ? false : difference >>> rest !== 0) return false;
  }
  return true;
}
