import { type AddressWords, IPV4_WORD_2 } from './address.ts';

/**
 * The search tree of a MaxMind database (MaxMind DB File Format Specification 2.0): nodes of two records, one for
 * each value of the next bit of an address. A record is the number of a node, or `nodeCount` for "nothing known", or
 * above that, a place in the data.
 */
export interface SearchTree {
  bytes: Buffer;
  nodeCount: number;
  /** 24, 28 or 32 bits */
  recordSize: number;
  ipVersion: number;
}

/**
 * @param first  u32[4], first address of the network; good until the next call
 * @param bits   how many leading bits it fixes, 96 more for IPv4
 * @param record where its data is
 */
export type OnNetwork = (first: AddressWords, bits: number, record: number) => void;

const ADDRESS_BITS = 128;
const IPV4_BITS = 96;
const EMBEDDED = Uint32Array.of(0, 0, IPV4_WORD_2, 0);

/**
 * How many times as many nodes as there are may be entered. A tree enters each once; a writer might share what is
 * equal; a damaged one may have 2^128 ways.
 */
const VISITS_PER_NODE = 8;

/**
 * Every network that a database knows something about, in ascending order, IPv4 before IPv6. A database of both has
 * IPv4 at ::/96 and often leads there from ::ffff:0:0/96, 2001::/32, 2002::/16 and 64:ff9b::/96 too: that is passed
 * over, as is all of ::ffff:0:0/96, the addresses of which are IPv4 here.
 * @throws Error where the tree is deeper than an address or enters nodes again and again
 */
export function forEachNetwork(tree: SearchTree, onNetwork: OnNetwork): void {
  const { nodeCount } = tree;
  const prefix = new Uint32Array(4);
  const readRecord = recordReader(tree);
  let visits = 0;
  /** node that stands for all of IPv4, which the walk over IPv6 does not enter */
  let closed = -1;

  const visit = (record: number, depth: number): void => {
    if (record === nodeCount || record === closed) return;
    if (record > nodeCount) {
      onNetwork(prefix, depth, record);
      return;
    }
    if (depth === ADDRESS_BITS) throw new Error('its search tree is deeper than 128 bits');
    if (++visits > VISITS_PER_NODE * nodeCount)
      throw new Error('its search tree enters nodes again and again');
    visit(readRecord(record, 0), depth + 1);
    const bit = (1 << (31 - (depth & 31))) >>> 0;
    prefix[depth >>> 5] |= bit;
    const embedded = depth + 1 === IPV4_BITS && EMBEDDED.every((word, i) => word === prefix[i]);
    if (!embedded) visit(readRecord(record, 1), depth + 1);
    prefix[depth >>> 5] &= ~bit;
  };

  let ipv4 = 0;
  if (tree.ipVersion === 6) {
    for (let depth = 0; depth < IPV4_BITS && ipv4 < nodeCount; depth++) ipv4 = readRecord(ipv4, 0);
  }
  prefix.set(EMBEDDED);
  visit(ipv4, IPV4_BITS);
  if (tree.ipVersion !== 6) return;
  prefix.fill(0);
  closed = ipv4 < nodeCount ? ipv4 : -1;
  visit(0, 0);
}

/** @returns what reads the record of a node for the next bit */
function recordReader({ bytes, recordSize }: SearchTree): (node: number, bit: number) => number {
  switch (recordSize) {
    case 24:
      return (node, bit) => bytes.readUIntBE(node * 6 + bit * 3, 3);
    case 28:
      // The byte between both has the highest four bits of each.
      return (node, bit) =>
        bit === 0
          ? (bytes[node * 7 + 3] >>> 4) * 2 ** 24 + bytes.readUIntBE(node * 7, 3)
          : bytes.readUInt32BE(node * 7 + 3) % 2 ** 28;
    default:
      return (node, bit) => bytes.readUInt32BE(node * 8 + bit * 4);
  }
}
