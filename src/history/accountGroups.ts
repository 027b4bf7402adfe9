import { IPV4_WORD_2 } from '../addresses/address.ts';
import type { GroupTable } from '../addresses/groupTable.ts';
import type { AccountPlaces, PlaceColumns } from './accountPlaces.ts';
import { type AccountShards, ONE_SHARD } from './accountShards.ts';
import type { Decay } from './decay.ts';
import { partsFrom, sumsOverRanks } from './placeSums.ts';

/** What everybody has in the groups of a table. */
export interface GroupSums {
  shares: Float64Array; // (G)
  weights: Float64Array; // (G)
}

/**
 * A rung that is no prefix: which groups of a table (providers, countries) each account and everybody use. G groups;
 * an account's IPv4 and IPv6 places of one group count together.
 */
export class AccountGroups {
  readonly table: GroupTable;
  /** the mean over accounts of their share in each group; group 0, "in no range", is no evidence of anything and stays 0 */
  readonly shares: Float64Array; // (G)
  /** the weight of everybody's places in each group */
  readonly weights: Float64Array; // (G)
  readonly #starts: Uint32Array; // (E + 1)
  readonly #groups: Uint32Array; // ascending within each entity
  /** doubles, as `shares` are: what others have left is a difference of the two */
  readonly #ownWeights: Float64Array;
  readonly #grown = new Map<number, Map<number, number>>();
  readonly #words = new Uint32Array(4);

  /**
   * @param places those of the accounts of this rank; shares and weights are those of all ranks
   * @param sums   known already, where these are not all accounts that they were counted of
   */
  constructor(
    table: GroupTable,
    places: AccountPlaces,
    decay: Decay,
    shards: AccountShards = ONE_SHARD,
    sums?: GroupSums,
  ) {
    this.table = table;
    const E = places.entityCount;
    const G = table.shares.length;
    this.shares = sums?.shares ?? new Float64Array(G);
    this.weights = sums?.weights ?? new Float64Array(G);
    this.#starts = new Uint32Array(E + 1);
    const groups: number[] = [];
    const weights: number[] = [];
    const mine = new Map<number, number>();
    const terms: number[] = [];
    let own = 0;
    for (let e = 0; e < E; e++) {
      mine.clear();
      let total = 0;
      for (const columns of [places.ipv4, places.ipv6]) {
        for (let at = columns.starts[e]; at < columns.starts[e + 1]; at++) {
          const group = this.groupOf(columns, at);
          const weight = decay.sum(columns, at, at + 1);
          mine.set(group, (mine.get(group) ?? 0) + weight);
          total += weight;
        }
      }
      if (total > 0) own++;
      for (const group of [...mine.keys()].sort((a, b) => a - b)) {
        if (group === 0) continue;
        const weight = mine.get(group)!;
        groups.push(group);
        weights.push(weight);
        terms.push(weight / total, weight);
      }
      this.#starts[e + 1] = groups.length;
    }
    this.#groups = Uint32Array.from(groups);
    this.#ownWeights = Float64Array.from(weights);
    if (sums) return;
    this.#sumUp(Float64Array.from(terms), shards);
    const [accounts] = shards.counted(own);
    for (let g = 0; g < G; g++) this.shares[g] /= Math.max(1, accounts);
  }

  /** Adds what accounts have in each group, over the accounts in their order. @param terms f64[·, 2], shares and weights */
  #sumUp(terms: Float64Array, shards: AccountShards): void {
    const groups = this.#groups;
    if (shards.ranks.size === 1) {
      for (let at = 0; at < groups.length; at++) {
        this.shares[groups[at]] += terms[at * 2];
        this.weights[groups[at]] += terms[at * 2 + 1];
      }
      return;
    }
    const account = new Uint32Array(groups.length);
    for (let e = 0; e + 1 < this.#starts.length; e++) account.fill(e, this.#starts[e], this.#starts[e + 1]);
    const records = { high: groups, low: new Uint32Array(0), account, terms };
    const { high, sums } = sumsOverRanks(records, false, partsFrom(0, 0), shards);
    for (let q = 0; q < high.length; q++) {
      this.shares[high[q]] = sums[q * 2 + 2];
      this.weights[high[q]] = sums[q * 2 + 3];
    }
  }

  groupOf({ ipv4, high, low }: PlaceColumns, at: number): number {
    return this.groupOfPlace(ipv4, high[at], ipv4 ? 0 : low[at]);
  }

  groupOfPlace(ipv4: boolean, high: number, low: number): number {
    const words = this.#words;
    words[0] = ipv4 ? 0 : high;
    words[1] = low;
    words[2] = ipv4 ? IPV4_WORD_2 : 0;
    words[3] = ipv4 ? high : 0;
    return this.table.find(words);
  }

  /** Σ of the weights of an entity's places in a group. */
  weightOf(entity: number, group: number): number {
    const grown = this.#grown.size === 0 ? undefined : this.#grown.get(entity);
    return grown ? (grown.get(group) ?? 0) : this.countedWeightOf(entity, group);
  }

  /** The same without what was added since. */
  countedWeightOf(entity: number, group: number): number {
    if (group === 0 || entity < 0 || entity + 1 >= this.#starts.length) return 0;
    const to = this.#starts[entity + 1];
    for (let at = this.#starts[entity]; at < to; at++) {
      if (this.#groups[at] === group) return this.#ownWeights[at];
    }
    return 0;
  }

  /** @param weight that a place of an entity gains: all of it where it is new, what had faded where it is used again */
  add(entity: number, ipv4: boolean, high: number, low: number, weight: number): void {
    const group = this.groupOfPlace(ipv4, high, low);
    let grown = this.#grown.get(entity);
    if (!grown) {
      grown = new Map();
      if (entity + 1 < this.#starts.length) {
        for (let at = this.#starts[entity]; at < this.#starts[entity + 1]; at++)
          grown.set(this.#groups[at], this.#ownWeights[at]);
      }
      this.#grown.set(entity, grown);
    }
    if (group !== 0) grown.set(group, (grown.get(group) ?? 0) + weight);
  }
}
