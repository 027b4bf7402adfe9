import type { Lists, Pairs } from '../kernels/kernels.ts';
import { PURPOSE, philox } from '../random/philox.ts';
import { appendChain } from './network.ts';
import { MAX_CHAIN, type PrefixTable } from './prefixes.ts';

/** What training needs of each event: 8 bytes. */
export interface TrainingPairs {
  count: number; // N
  /** row of the entity table */
  entityRow: Uint32Array; // (N)
  /** deepest row of the address table */
  deepest: Uint32Array; // (N)
  /** 1 where the address is IPv6 */
  isIpv6: Uint8Array; // (N)
}

/** Items grouped by a key: the distinct keys in order of appearance, and for each its items in order. */
export class Groups {
  readonly keys: Uint32Array; // (U used)
  readonly lists: Lists;
  count = 0; // U
  readonly #groupOf: Uint32Array;
  readonly #stampOf: Uint32Array;
  #stamp = 0;
  readonly #itemGroup: Uint32Array;

  /**
   * @param keySpace keys are below this
   * @param capacity items of one call at most
   */
  constructor(keySpace: number, capacity: number) {
    this.keys = new Uint32Array(capacity);
    this.lists = { starts: new Uint32Array(capacity + 1), members: new Uint32Array(capacity) };
    this.#groupOf = new Uint32Array(keySpace);
    this.#stampOf = new Uint32Array(keySpace);
    this.#itemGroup = new Uint32Array(capacity);
  }

  /** Item of key keys[i] is i, or owners[i] where given. */
  group(keys: Uint32Array, length: number, owners?: Uint32Array): void {
    const { starts, members } = this.lists;
    const stamp = ++this.#stamp;
    let count = 0;
    for (let i = 0; i < length; i++) {
      const key = keys[i];
      if (this.#stampOf[key] !== stamp) {
        this.#stampOf[key] = stamp;
        this.#groupOf[key] = count;
        this.keys[count] = key;
        starts[++count] = 0;
      }
      const group = this.#groupOf[key];
      this.#itemGroup[i] = group;
      starts[group + 1]++;
    }
    starts[0] = 0;
    for (let group = 0; group < count; group++) starts[group + 1] += starts[group];
    // Filling moves each start to the end of its list; shifting them back by one group restores them.
    for (let i = 0; i < length; i++) members[starts[this.#itemGroup[i]]++] = owners ? owners[i] : i;
    for (let group = count; group > 0; group--) starts[group] = starts[group - 1];
    starts[0] = 0;
    this.count = count;
  }
}

/**
 * One mini-batch: B observed pairs, their drawn pairs, and who touches which row. Addresses are numbered: the
 * B observed ones first, then R random ones for each.
 */
export class MiniBatch {
  size = 0; // B
  addressCount = 0; // A = B · (1 + R)
  pairCount = 0; // P = B · (1 + R + S)
  readonly entityRow: Uint32Array; // (B)
  /** rows of each address */
  readonly rowsOf: Lists; // (A)
  readonly pairs: Pairs;
  /** pairs of each address */
  readonly pairsOf: Lists; // (A)
  /** distinct entity rows, each with the positives that touch it */
  readonly entities: Groups;
  /** distinct address rows, each with the addresses that hold it */
  readonly prefixes: Groups;
  readonly #randomRate: number;
  readonly #shuffledRate: number;
  readonly #table: PrefixTable;
  readonly #owner: Uint32Array;
  readonly #block = new Uint32Array(4);
  readonly #seedLow: number;
  readonly #seedHigh: number;

  constructor(
    capacity: number,
    randomRate: number,
    shuffledRate: number,
    numEntityVectors: number,
    table: PrefixTable,
    seed: number,
  ) {
    this.#randomRate = randomRate;
    this.#shuffledRate = shuffledRate;
    this.#table = table;
    this.#seedLow = seed >>> 0;
    this.#seedHigh = Math.floor(seed / 2 ** 32);
    const addresses = capacity * (1 + randomRate);
    const pairs = capacity * (1 + randomRate + shuffledRate);
    this.entityRow = new Uint32Array(capacity);
    this.rowsOf = { starts: new Uint32Array(addresses + 1), members: new Uint32Array(addresses * MAX_CHAIN) };
    this.pairs = { pairsPerPositive: 1 + randomRate + shuffledRate, address: new Uint32Array(pairs) };
    this.pairsOf = { starts: new Uint32Array(addresses + 1), members: new Uint32Array(pairs) };
    this.entities = new Groups(numEntityVectors, capacity);
    this.prefixes = new Groups(table.rows.count, addresses * MAX_CHAIN);
    this.#owner = new Uint32Array(addresses * MAX_CHAIN);
  }

  /**
   * Fills the batch with the events order[from … to). What is drawn for a sample depends on seed, epoch and the
   * sample's place in the epoch alone.
   */
  assemble(data: TrainingPairs, order: Uint32Array, from: number, to: number, epoch: number): void {
    const R = this.#randomRate;
    const S = this.#shuffledRate;
    const B = to - from;
    this.size = B;
    this.addressCount = B * (1 + R);
    this.pairCount = B * (1 + R + S);
    const { address, pairsPerPositive } = this.pairs;
    const { starts, members } = this.rowsOf;
    let length = 0;
    for (let b = 0; b < B; b++) {
      this.entityRow[b] = data.entityRow[order[from + b]];
      starts[b] = length;
      length = appendChain(this.#table, data.deepest[order[from + b]], members, length);
      address[b * pairsPerPositive] = b;
    }
    for (let b = 0; b < B; b++) {
      const ipv6 = data.isIpv6[order[from + b]] === 1;
      for (let r = 0; r < R; r++) {
        const a = B + b * R + r;
        starts[a] = length;
        length = appendChain(this.#table, this.#randomDeepest(ipv6, from + b, r, epoch), members, length);
        address[b * pairsPerPositive + 1 + r] = a;
      }
    }
    starts[this.addressCount] = length;
    for (let b = 0; b < B; b++) {
      for (let s = 0; s < S; s++) {
        if (s % 4 === 0) this.#draw(PURPOSE.shuffledNegatives, from + b, s >>> 2, epoch);
        // Another record of the batch: one of the B − 1 places after this one, round the end.
        const ahead = B === 1 ? 0 : 1 + Math.floor((this.#block[s % 4] / 2 ** 32) * (B - 1));
        address[b * pairsPerPositive + 1 + R + s] = (b + ahead) % B;
      }
    }
    this.#groupPairs();
    this.entities.group(this.entityRow, B);
    for (let a = 0; a < this.addressCount; a++) this.#owner.fill(a, starts[a], starts[a + 1]);
    this.prefixes.group(members, length, this.#owner);
  }

  /** The counter is a pure function of what is drawn, so that any worker can draw it. */
  #draw(purpose: number, sample: number, block: number, epoch: number): void {
    philox(sample, block * 16 + purpose, epoch, 0, this.#seedLow, this.#seedHigh, this.#block);
  }

  #randomDeepest(ipv6: boolean, sample: number, r: number, epoch: number): number {
    if (ipv6) {
      this.#draw(PURPOSE.randomNegatives, sample, 256 + r, epoch);
      return this.#table.find(randomIpv6(this.#block, this.#table));
    }
    if (r % 4 === 0) this.#draw(PURPOSE.randomNegatives, sample, r >>> 2, epoch);
    return this.#table.findIpv4(this.#block[r % 4]);
  }

  #groupPairs(): void {
    const { starts, members } = this.pairsOf;
    const { address } = this.pairs;
    starts.fill(0, 0, this.addressCount + 1);
    for (let p = 0; p < this.pairCount; p++) starts[address[p] + 1]++;
    for (let a = 0; a < this.addressCount; a++) starts[a + 1] += starts[a];
    for (let p = 0; p < this.pairCount; p++) members[starts[address[p]]++] = p;
    for (let a = this.addressCount; a > 0; a--) starts[a] = starts[a - 1];
    starts[0] = 0;
  }
}

/**
 * Four random words → a random IPv6 address; changes the words. Uniform octets, AWS's rule for IPv4, would hit no
 * announced network at all: 2^13 of 2^128 is in use. So the draw is a uniform one of the training data's /32 (the
 * size of a provider) with uniform bits below.
 */
export function randomIpv6(block: Uint32Array, table: PrefixTable): Uint32Array {
  block[0] = table.ipv6Provider(block[0]);
  return block;
}
