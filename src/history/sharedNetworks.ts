import { cutLow } from '../addresses/prefixBits.ts';
import type { PlaceColumns } from './accountPlaces.ts';
import type { AccountNetwork, History } from './history.ts';

/** Another account that uses some of the same /24 or IPv6 /48. */
export interface SharingAccount {
  /** its number */
  entity: number;
  /** the least crowded first */
  shared: { network: AccountNetwork; users: number }[];
  /** Σ over the shared networks of 1 / the number of their users */
  closeness: number;
}

/** Places looked at before others get their turn: about 10 ms. */
const SLICE = 1_000_000;
/** A network of IPv4 for each 24 bits. */
const IPV4_NETWORKS = 2 ** 24;

/**
 * The accounts that share networks with one, the closest first. A network that k accounts use counts 1/k: who shares an office or
 * a home is close, who shares a carrier with thousands is not (resource allocation: Zhou, Lü and Zhang, European Physical
 * Journal B, 2009). It looks at everybody's places, and so gives way to others after each slice of them.
 * @param entity   its number
 * @param most     accounts that are returned
 * @param giveWay  lets others do something
 */
export async function accountsSharingNetworks(
  history: History,
  entity: number,
  entityCount: number,
  most: number,
  giveWay: () => Promise<void>,
): Promise<SharingAccount[]> {
  const networks = [...history.networksOf(entity, true), ...history.networksOf(entity, false)];
  const finder = new NetworkFinder(networks);
  const pairs = await pairsOf(history, entity, entityCount, finder, giveWay);
  // The account itself is one of the users.
  const users = new Uint32Array(networks.length).fill(1);
  for (let i = 1; i < pairs.length; i += 2) users[pairs[i]]++;
  const closest: SharingAccount[] = [];
  for (let i = 0; i < pairs.length; ) {
    const start = i;
    let closeness = 0;
    for (; i < pairs.length && pairs[i] === pairs[start]; i += 2) closeness += 1 / users[pairs[i + 1]];
    if (closest.length === most && closeness <= closest[most - 1].closeness) continue;
    const shared: SharingAccount['shared'] = [];
    for (let j = start; j < i; j += 2)
      shared.push({ network: networks[pairs[j + 1]], users: users[pairs[j + 1]] });
    shared.sort((a, b) => a.users - b.users);
    const at = closest.findIndex((one) => one.closeness < closeness);
    closest.splice(at < 0 ? closest.length : at, 0, { entity: pairs[start], shared, closeness });
    closest.length = Math.min(most, closest.length);
  }
  return closest;
}

/** Which of the networks each other account uses: its number and the network's, by account. */
async function pairsOf(
  { places }: History,
  entity: number,
  entityCount: number,
  finder: NetworkFinder,
  giveWay: () => Promise<void>,
): Promise<number[]> {
  const pairs: number[] = [];
  const segment = places.segment();
  let looked = 0;
  for (let other = 0; other < entityCount; other++) {
    if (other === entity) continue;
    for (const ipv4 of [true, false]) {
      if (!finder.hasFamily(ipv4)) continue;
      const { columns, from, to } = places.find(other, ipv4, segment);
      finder.eachIn(columns, from, to, (network) => pairs.push(other, network));
      looked += to - from;
    }
    if (looked < SLICE) continue;
    looked = 0;
    await giveWay();
  }
  return pairs;
}

/** Finds places in few networks, which most are not in. */
class NetworkFinder {
  /** a bit for each IPv4 /24 */
  readonly #bits: Uint32Array | undefined;
  readonly #ipv4 = new Map<number, number>();
  readonly #ipv6 = new Map<number, number>();

  constructor(networks: AccountNetwork[]) {
    for (const [i, { ipv4, high, low }] of networks.entries()) {
      if (ipv4) this.#ipv4.set(high >>> 8, i);
      else this.#ipv6.set(ipv6Key(high, low), i);
    }
    if (this.#ipv4.size === 0) return;
    this.#bits = new Uint32Array(IPV4_NETWORKS / 32);
    for (const network of this.#ipv4.keys()) this.#bits[network >>> 5] |= 1 << (network & 31);
  }

  hasFamily(ipv4: boolean): boolean {
    return (ipv4 ? this.#ipv4 : this.#ipv6).size > 0;
  }

  /** Gives the number of each network that places [from, to) are in, once. */
  eachIn({ ipv4, high, low }: PlaceColumns, from: number, to: number, take: (network: number) => void): void {
    let last = -1;
    if (ipv4) {
      const bits = this.#bits!;
      for (let at = from; at < to; at++) {
        const network = high[at] >>> 8;
        if ((bits[network >>> 5] & (1 << (network & 31))) === 0 || network === last) continue;
        last = network;
        take(this.#ipv4.get(network)!);
      }
      return;
    }
    for (let at = from; at < to; at++) {
      const key = ipv6Key(high[at], low[at]);
      if (key === last) continue;
      last = key;
      const network = this.#ipv6.get(key);
      if (network !== undefined) take(network);
    }
  }
}

/** The 48 bits of a network of IPv6 as one number. */
const ipv6Key = (high: number, low: number) => high * 65_536 + (cutLow(low, 48) >>> 16);
