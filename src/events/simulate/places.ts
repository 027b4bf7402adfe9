import { formatAddress, formatIpv4 } from '../../addresses/address.ts';
import type { RangeTable } from '../../addresses/ranges.ts';
import { InputError } from '../../errors.ts';
import { permutation, type RandomStream } from '../../random/philox.ts';
import type { PlaceTruth } from './truth.ts';

/** Some neighbouring IPv4 addresses. */
export interface Ipv4Block {
  first: number;
  /** number of addresses */
  size: number;
}

/** Some neighbouring IPv6 networks of 64 bits, all with the same upper 32 bits. */
export interface Ipv6Block {
  /** bits 0 to 31 */
  upper: number;
  /** bits 32 to 63 of the first one */
  first: number;
  /** number of /64 networks */
  size: number;
}

/** Where logins come from: the addresses that a group of accounts shares. */
export interface Place {
  kind: 'pool' | 'office' | 'gateway' | 'vpn';
  /** the provider that owns the addresses */
  asn: number;
  blocks: Ipv4Block[];
  /** mean time for which an account keeps an address of this place */
  leaseSeconds: number;
  /** of pools: where their customers' prefixes lie */
  ipv6?: Ipv6Block;
  /** of pools: /64 networks delegated to a customer, 1 (a /64) or 256 (a /56) */
  delegated?: number;
}

const HOUR = 3600;
const DAY = 24 * HOUR;

/** The constants of the world's networks, with their reasons; docs/worlds.md describes the model. */
export const NETWORKS = {
  /** A market with a few large providers and a tail; shares fall as 1/rank (Zipf), so the largest serves 21 %. */
  accessProviders: 60,
  /** A country has three to five mobile networks. */
  carriers: 5,
  vpnServices: 6,
  /** A provider with fewer announced ranges cannot be called scattered. */
  fewestRanges: 16,
  fewestAddresses: 2 ** 16,
  /** The smallest IPv6 range of a provider: a /48, the smallest that is routed between providers. */
  fewestIpv6Networks: 2 ** 16,
  /** Accounts to a pool: the accounts of one service among the some thousand customers of an access concentrator. */
  accountsPerPool: 150,
  /** A concentrator is given blocks of a /22 as they become free, anywhere in its provider's space. */
  blocksPerPool: 4,
  poolBlockSize: 1024,
  /** Where a pool's prefixes lie: a /40 has room for 65,536 customers with a /56. */
  poolIpv6Networks: 2 ** 24,
  /** Daily renumbering (common on DSL in Europe), a week, two months (cable: until the modem is off for long). */
  poolLeaseSeconds: [DAY, 7 * DAY, 60 * DAY],
  /** RIPE-690 recommends a /56; some providers give a single /64. */
  ipv6Delegations: [256, 256, 1],
  accountsPerOffice: 25,
  /** Public addresses of an office: one line, a line and its backup, a /30, a /29. */
  officeSizes: [1, 1, 2, 4, 8],
  /** An outgoing connection may leave by another address of the office after some hours. */
  officeLeaseSeconds: 4 * HOUR,
  /** A carrier's gateways translate for a region each. */
  accountsPerGateway: 250,
  /** Two blocks of 8 addresses: some hundred subscribers to an address, as large-scale NAT is run. */
  blocksPerGateway: 2,
  gatewayBlockSize: 8,
  /** A phone keeps its translation as long as it keeps its data session. */
  gatewayLeaseSeconds: 3 * HOUR,
  /** The exits of a VPN service: ten sites with four addresses each. */
  blocksPerVpn: 10,
  vpnBlockSize: 4,
  vpnLeaseSeconds: 12 * HOUR,
} as const;

/** All places of the world, by kind. */
export interface Places {
  all: Place[];
  /** positions in `all` of each access provider's pools, the provider with the largest share first */
  pools: number[][];
  offices: number[];
  /** positions in `all` of each carrier's gateways */
  gateways: number[][];
  vpns: number[];
}

/** One autonomous system with the positions of its ranges in the two lists. */
interface Provider {
  asn: number;
  ipv4: number[];
  ipv6: number[];
}

/**
 * Draws the providers among the autonomous systems of the lists, and the places that they serve.
 * @param users number of accounts: decides how many pools, offices and gateways there are
 * @param name  how messages call the lists
 * @throws InputError where too few autonomous systems are large enough
 */
export function drawPlaces(
  users: number,
  ranges: RangeTable,
  ranges6: RangeTable,
  random: RandomStream,
  name: string,
): Places {
  const { accessProviders, carriers, vpnServices } = NETWORKS;
  const candidates = findProviders(ranges, ranges6);
  const needed = accessProviders + carriers + vpnServices;
  if (candidates.length < needed) {
    throw new InputError(
      `${name}: expected at least ${needed} autonomous systems with ${NETWORKS.fewestRanges} IPv4 ranges and an IPv6 /48 or more, got ${candidates.length}. Use the complete lists of @ip-location-db/asn.`,
    );
  }
  const order = permutation(candidates.length, random);
  const drawn = Array.from(order.subarray(0, needed), (position) => candidates[position]);
  const places: Places = { all: [], pools: [], offices: [], gateways: [], vpns: [] };
  const add = (place: Place) => places.all.push(place) - 1;

  const access = drawn.slice(0, accessProviders);
  for (const [rank, provider] of access.entries()) {
    const leaseSeconds = pick(NETWORKS.poolLeaseSeconds, random);
    const delegated = pick(NETWORKS.ipv6Delegations, random);
    const count = Math.max(1, Math.round((users * marketShare(rank)) / NETWORKS.accountsPerPool));
    places.pools.push(
      times(count, () =>
        add({
          kind: 'pool',
          asn: provider.asn,
          blocks: drawBlocks(provider, ranges, NETWORKS.blocksPerPool, NETWORKS.poolBlockSize, random),
          leaseSeconds,
          ipv6: drawIpv6Block(provider, ranges6, random),
          delegated,
        }),
      ),
    );
  }
  places.offices = times(Math.max(1, Math.round(users / NETWORKS.accountsPerOffice)), () => {
    const provider = pick(access, random);
    const blocks = drawBlocks(provider, ranges, 1, pick(NETWORKS.officeSizes, random), random);
    return add({ kind: 'office', asn: provider.asn, blocks, leaseSeconds: NETWORKS.officeLeaseSeconds });
  });
  const gateways = Math.max(1, Math.round(users / carriers / NETWORKS.accountsPerGateway));
  places.gateways = drawn.slice(accessProviders, accessProviders + carriers).map((provider) =>
    times(gateways, () => {
      const { blocksPerGateway, gatewayBlockSize, gatewayLeaseSeconds } = NETWORKS;
      const blocks = drawBlocks(provider, ranges, blocksPerGateway, gatewayBlockSize, random);
      return add({ kind: 'gateway', asn: provider.asn, blocks, leaseSeconds: gatewayLeaseSeconds });
    }),
  );
  places.vpns = drawn.slice(accessProviders + carriers).map((provider) => {
    const blocks = drawBlocks(provider, ranges, NETWORKS.blocksPerVpn, NETWORKS.vpnBlockSize, random);
    return add({ kind: 'vpn', asn: provider.asn, blocks, leaseSeconds: NETWORKS.vpnLeaseSeconds });
  });
  return places;
}

const HARMONIC = Array.from({ length: NETWORKS.accessProviders }, (_, rank) => 1 / (rank + 1)).reduce(
  (sum, term) => sum + term,
);

/** The share of customers of the access provider at that rank, from 0. */
export function marketShare(rank: number): number {
  return 1 / (rank + 1) / HARMONIC;
}

/** The rank of the access provider at `fraction` (0 to 1) of all customers, ordered by provider. */
export function rankAt(fraction: number): number {
  let rank = 0;
  for (let rest = fraction - marketShare(0); rest >= 0 && rank < NETWORKS.accessProviders - 1; ) {
    rest -= marketShare(++rank);
  }
  return rank;
}

/** The autonomous systems that are large enough, in ascending order of their numbers. */
function findProviders(ranges: RangeTable, ranges6: RangeTable): Provider[] {
  const providers = new Map<number, Provider>();
  for (let range = 0; range < ranges.count; range++) {
    const asn = ranges.asns[range];
    let provider = providers.get(asn);
    if (!provider) {
      provider = { asn, ipv4: [], ipv6: [] };
      providers.set(asn, provider);
    }
    provider.ipv4.push(range);
  }
  for (let range = 0; range < ranges6.count; range++) {
    if (ranges6.sizes[range] >= NETWORKS.fewestIpv6Networks * 2 ** 64) {
      providers.get(ranges6.asns[range])?.ipv6.push(range);
    }
  }
  return [...providers.values()]
    .filter(({ ipv4, ipv6 }) => {
      const addresses = ipv4.reduce((sum, range) => sum + ranges.sizes[range], 0);
      return ipv4.length >= NETWORKS.fewestRanges && addresses >= NETWORKS.fewestAddresses && ipv6.length > 0;
    })
    .sort((a, b) => a.asn - b.asn);
}

/** Aligned blocks of at most `size` addresses, each in a range of its own draw. */
function drawBlocks(
  provider: Provider,
  ranges: RangeTable,
  count: number,
  size: number,
  random: RandomStream,
): Ipv4Block[] {
  return times(count, () => {
    const range = pick(provider.ipv4, random);
    const slots = Math.max(1, Math.floor(ranges.sizes[range] / size));
    const first = ranges.firsts[range * 4 + 3] + random.below(slots) * size;
    return { first, size: Math.min(size, ranges.sizes[range]) };
  });
}

function drawIpv6Block(provider: Provider, ranges6: RangeTable, random: RandomStream): Ipv6Block {
  const range = pick(provider.ipv6, random);
  const { firsts, lasts } = ranges6;
  // A range wider than a /32 spans several values of the upper 32 bits.
  const upper = firsts[range * 4] + random.below(lasts[range * 4] - firsts[range * 4] + 1);
  const low = upper === firsts[range * 4] ? firsts[range * 4 + 1] : 0;
  const high = upper === lasts[range * 4] ? lasts[range * 4 + 1] : 2 ** 32 - 1;
  const size = Math.min(NETWORKS.poolIpv6Networks, high - low + 1);
  return { upper, first: low + size * random.below(Math.floor((high - low + 1) / size)), size };
}

/** A place as the truth file has it. */
export function describePlace({ kind, asn, blocks, leaseSeconds, ipv6, delegated }: Place): PlaceTruth {
  const truth: PlaceTruth = {
    kind,
    asn,
    leaseSeconds,
    ipv4: blocks.map(({ first, size }) => `${formatIpv4(first)}-${formatIpv4(first + size - 1)}`),
  };
  if (ipv6 && delegated) {
    const { upper, first, size } = ipv6;
    const start = formatAddress(Uint32Array.of(upper, first, 0, 0));
    const end = formatAddress(Uint32Array.of(upper, first + size - 1, 2 ** 32 - 1, 2 ** 32 - 1));
    truth.ipv6 = `${start}-${end}`;
    truth.delegatedBits = delegated === 1 ? 64 : 56;
  }
  return truth;
}

/** An IPv4 address of the place: a block uniform, the address uniform within. */
export function drawIpv4(place: Place, random: RandomStream): number {
  const { first, size } = pick(place.blocks, random);
  return first + random.below(size);
}

/** One of the choices, uniform. */
export function pick<T>(choices: readonly T[], random: RandomStream): T {
  return choices[random.below(choices.length)];
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
