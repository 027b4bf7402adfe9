import { InputError } from '../../errors.ts';
import { keysInOrder } from '../../history/placeSums.ts';
import { type FileCard, MODEL_FILE } from '../modelFileKind.ts';
import { type Column, elements, fileBytes, type SectionShape, TYPES, writeSections } from '../sectionFile.ts';
import type { Bytes } from '../source.ts';
import type { ShardedFiles } from './shardedFiles.ts';
import {
  BASE_FILE,
  type BaseCard,
  joinedShape,
  MODEL_PART,
  type PartCard,
  SHARD_FILE,
  type ShardCard,
} from './shardKinds.ts';

/** Copied in one go. */
const PIECE_BYTES = 1 << 26;

/**
 * Shards of a model put together again, with accounts in the order of their hashes: all of them are the file that the model
 * would be in one, some are a part of it, with what was counted of all accounts. Vectors go through in pieces; of the rest one
 * section of the file at a time is in memory, and 16 bytes for each account.
 */
export class JoinedShards {
  readonly #files: ShardedFiles;
  readonly #shards: readonly number[];
  readonly #base: BaseCard;
  readonly #cards: ShardCard[];
  readonly #isPart: boolean;

  /**
   * @param shards from 1, ascending; default: all
   * @throws InputError where one is missing or damaged, or there is none of that number
   */
  constructor(files: ShardedFiles, shards?: readonly number[]) {
    this.#files = files;
    this.#isPart = shards !== undefined;
    this.#shards = shards ?? Array.from({ length: files.count }, (_, i) => i + 1);
    const missing = this.#shards.find((number) => number > files.count);
    if (missing !== undefined) {
      throw new InputError(
        `${files.name}: expected shards from 1 to ${files.count}, got ${missing}. ip-insights inspect lists them.`,
      );
    }
    this.#base = files.withBase(({ card }) => card);
    this.#cards = this.#shards.map((number) => files.withShard(number, ({ card }) => card));
  }

  /** Of the whole model. */
  get card(): FileCard {
    return this.#base.model;
  }

  get sizeBytes(): number {
    return this.#isPart ? fileBytes(MODEL_PART, this.#part()) : fileBytes(MODEL_FILE, this.card);
  }

  /** @param allocate gives the memory */
  inMemory(allocate: (sizeBytes: number) => DataView): DataView {
    const { buffer, byteOffset } = allocate(this.sizeBytes);
    let at = byteOffset;
    this.write((bytes) => {
      new Uint8Array(buffer, at, bytes.length).set(bytes);
      at += bytes.length;
    });
    return new DataView(buffer, byteOffset, at - byteOffset);
  }

  /** Writes them piece by piece. */
  write(write: (bytes: Uint8Array) => void): void {
    const columns = this.#columns();
    if (this.#isPart) writeSections(MODEL_PART, this.#part(), columns, write);
    else writeSections(MODEL_FILE, this.card, columns, write);
  }

  #part(): PartCard {
    const shapes = this.#cards.map(({ accounts }) => accounts);
    return {
      ...this.#base,
      accounts: joinedShape(this.card, shapes),
      shards: [...this.#shards],
      borders: this.#files.borders,
    };
  }

  #columns(): Record<string, Iterable<Bytes>> {
    const columns: Record<string, Iterable<Bytes>> = {};
    for (const shape of BASE_FILE.layout(this.#base)) {
      columns[shape[0]] = lazily(() => this.#ofBase(shape));
    }
    for (const name of ['entity_vectors', 'entity_codes', 'entity_scales']) {
      columns[name] = lazily(() => this.#oneAfterTheOther(name));
    }
    const accounts = kept(() => this.#order());
    const numbered = (name: string) =>
      Uint32Array.from(this.#numbers(name), (account) => accounts().numberOf[account]);
    columns.seen_entities = one(() => permuted(accounts().hashes, accounts().order, 2));
    columns.untrained_entities = one(() => numbered('untrained_entities').sort());
    for (const family of ['ipv4', 'ipv6']) {
      const counts = kept(() => this.#whole(`${family}_counts`));
      const starts = kept(() => startsOf(counts()));
      const places = (column: Column) => gatheredStretches(column, starts(), accounts().order);
      columns[`${family}_counts`] = one(() => permuted(counts(), accounts().order, 1));
      const words = family === 'ipv4' ? 1 : 2;
      const self = this;
      columns[`${family}_places`] = lazily(function* () {
        for (let word = 0; word < words; word++) yield places(self.#whole(`${family}_places`, word, words));
      });
      columns[`${family}_events`] = one(() => places(this.#whole(`${family}_events`)));
      columns[`${family}_days`] = one(() => places(this.#whole(`${family}_days`)));
    }
    const owners = kept(() => numbered('account_weight_owners'));
    columns.account_weight_owners = one(() => owners().slice().sort());
    columns.account_weights = one(() => {
      const { order } = keysInOrder({ high: owners(), low: new Uint32Array(0) }, false);
      const { experts } = joinedShape(this.card, []);
      return permuted(this.#whole('account_weights'), order.subarray(0, owners().length), experts);
    });
    return columns;
  }

  /** The accounts of all shards here in the order of their hashes. */
  #order(): { hashes: Uint32Array; order: Uint32Array; numberOf: Uint32Array } {
    const hashes = this.#whole('seen_entities') as Uint32Array;
    const count = hashes.length / 2;
    const low = Uint32Array.from({ length: count }, (_, i) => hashes[i * 2]);
    const high = Uint32Array.from({ length: count }, (_, i) => hashes[i * 2 + 1]);
    const order = keysInOrder({ high, low }, true).order.slice(0, count);
    const numberOf = new Uint32Array(count);
    for (let number = 0; number < count; number++) numberOf[order[number]] = number;
    return { hashes, order, numberOf };
  }

  *#ofBase([name, type, shape]: SectionShape): Generator<Bytes> {
    yield* inPieces(type, elements(shape), (column, from) =>
      this.#files.withBase((base) => base.fill(name, column, from)),
    );
  }

  /** A section whose rows stay in their order. */
  *#oneAfterTheOther(name: string): Generator<Bytes> {
    for (const [i, number] of this.#shards.entries()) {
      const [, type, shape] = sectionOf(this.#cards[i], name);
      yield* inPieces(type, elements(shape), (column, from) =>
        this.#files.withShard(number, (shard) => shard.fill(name, column, from)),
      );
    }
  }

  /**
   * A section of all shards, or one of several equal parts of each, one after the other.
   * @param part which of `parts`
   */
  #whole(name: string, part = 0, parts = 1): Column {
    const lengths = this.#cards.map((card) => elements(sectionOf(card, name)[2]) / parts);
    const [, type] = sectionOf(this.#cards[0], name);
    const all = new TYPES[type](lengths.reduce((sum, length) => sum + length, 0));
    let at = 0;
    for (const [i, number] of this.#shards.entries()) {
      const into = all.subarray(at, at + lengths[i]);
      this.#files.withShard(number, (shard) => shard.fill(name, into, part * lengths[i]));
      at += lengths[i];
    }
    return all;
  }

  /** A section of numbers of accounts, which begin anew with each shard, in the numbering of `#whole`. */
  #numbers(name: string): Uint32Array {
    const all = this.#whole(name) as Uint32Array;
    let [at, before] = [0, 0];
    for (const card of this.#cards) {
      const end = at + elements(sectionOf(card, name)[2]);
      for (; at < end; at++) all[at] += before;
      before += card.accounts.entities;
    }
    return all;
  }
}

const sectionOf = (card: ShardCard, wanted: string): SectionShape =>
  SHARD_FILE.layout(card).find(([name]) => name === wanted)!;

/** @param fill is given an array, and the first of its elements in the section */
function* inPieces(
  type: keyof typeof TYPES,
  length: number,
  fill: (column: Column, from: number) => void,
): Generator<Column> {
  const most = PIECE_BYTES / TYPES[type].BYTES_PER_ELEMENT;
  for (let from = 0; from < length; from += most) {
    const column = new TYPES[type](Math.min(most, length - from));
    fill(column, from);
    yield column;
  }
}

/** Begins when it is asked for. */
const lazily = <T>(generate: () => Iterable<T>): Iterable<T> => ({
  [Symbol.iterator]: () => generate()[Symbol.iterator](),
});

const one = <T>(make: () => T): Iterable<T> => lazily(() => [make()]);

/** Made when it is asked for first. */
function kept<T>(make: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= make();
    return value;
  };
}

/** Rows in another order. @param width elements of a row */
function permuted(column: Column, order: Uint32Array, width: number): Column {
  const out = column.slice();
  for (let row = 0; row < order.length; row++) {
    const from = order[row] * width;
    for (let x = 0; x < width; x++) out[row * width + x] = column[from + x];
  }
  return out;
}

function startsOf(counts: Column): Float64Array {
  const starts = new Float64Array(counts.length + 1);
  for (let i = 0; i < counts.length; i++) starts[i + 1] = starts[i] + counts[i];
  return starts;
}

/** Stretches of elements in another order. */
function gatheredStretches(column: Column, starts: Float64Array, order: Uint32Array): Column {
  const out = column.slice();
  let to = 0;
  for (const account of order) {
    for (let at = starts[account]; at < starts[account + 1]; at++) out[to++] = column[at];
  }
  return out;
}
