import type { Rows } from '../kernels/kernels.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { ownAddressRows, type Range } from '../neural/ranks/rankPlan.ts';
import { RankTraining } from '../neural/ranks/rankTraining.ts';
import type { VectorTraining } from './learner.ts';
import type { Column } from './sectionFile.ts';
import type { Bytes, Source } from './source.ts';

/** What one process has of a section, and what it adds to the file. */
export interface SectionPart {
  /** all numbers here, and at which element of the section each of these columns begins */
  here: { column: Column; from: number }[];
  /** the columns that this rank writes: nothing that another one does */
  written: Column[];
  /** elements of the section that each rank writes, one after the other */
  of: Range[]; // (N)
}

/** Bytes that the first rank has of the others at a time. */
const PIECE_BYTES = 2 ** 26;

/** What learns, by section. The first rank that has a row writes it, and ranks have rows in their order. */
export function sectionParts(training: VectorTraining): Record<string, SectionPart> {
  const { entities, prefixes, layers } = training.state.tables;
  const tables = {
    entity: entitySpread(training, entities),
    prefix: prefixSpread(training, prefixes),
    layer: spreadOfCopies(training, layers),
  };
  const D = training.state.hyperparameters.vectorDim;
  const parts: Record<string, SectionPart> = {};
  for (const [name, spread] of Object.entries(tables)) {
    parts[`${name}_vectors`] = partOf(spread, D, ({ vectors }) => vectors as Float32Array);
    parts[`${name}_moment`] = partOf(spread, 1, ({ moment }) => moment as Float32Array);
    parts[`${name}_steps`] = partOf(spread, 1, ({ steps }) => steps);
  }
  return parts;
}

/** Where the rows of a table are. */
interface Spread {
  /** some rows here that follow each other in the whole table, which `first` begins */
  here: { rows: Rows; at: number; count: number; first: number }[];
  /** the part of `here` that this rank writes */
  written: { rows: Rows; at: number; count: number }[];
  /** rows of the whole table that each rank writes */
  of: Range[]; // (N)
}

function partOf({ here, written, of }: Spread, width: number, columnOf: (rows: Rows) => Column): SectionPart {
  const cut = ({ rows, at, count }: Spread['written'][number]) =>
    columnOf(rows).subarray(at * width, (at + count) * width);
  return {
    here: here.map((run) => ({ column: cut(run), from: run.first * width })),
    written: written.map(cut),
    of: of.map(({ first, end }) => ({ first: first * width, end: end * width })),
  };
}

function entitySpread(training: VectorTraining, rows: Rows): Spread {
  if (!(training instanceof RankTraining)) return spreadOfCopies(training, [rows]);
  const { first, end } = training.entityRows;
  const run = { rows, at: 0, count: end - first, first };
  const of = Array.from({ length: training.ranks.size }, (_, rank) => training.entityRowsOf(rank));
  return { here: [run], written: [run], of };
}

function prefixSpread(training: VectorTraining, rows: Rows): Spread {
  if (!(training instanceof RankTraining)) return spreadOfCopies(training, [rows]);
  const { ranks, state } = training;
  const of = ownAddressRows(state.plan);
  const share = state.plan.shares[ranks.rank];
  const { first, end } = of[ranks.rank];
  const above = share.above.length;
  const single = Array.from(share.above, (row, at) => ({ rows, at, count: 1, first: row }));
  const others = { rows, at: above, count: share.rows.end - share.rows.first, first: share.rows.first };
  const own = { rows, at: above + first - share.rows.first, count: end - first };
  return { here: [...single, others], written: first < end ? [own] : [], of };
}

/** Tables that one process has, or all have alike: one after the other, by the first rank. */
function spreadOfCopies(training: VectorTraining, tables: Rows[]): Spread {
  const ranks = training instanceof RankTraining ? training.ranks : undefined;
  let first = 0;
  const here = tables.map((rows) => {
    const count = rows.moment.length;
    first += count;
    return { rows, at: 0, count, first: first - count };
  });
  const of = Array.from({ length: ranks?.size ?? 1 }, (_, rank) => ({
    first: 0,
    end: rank === 0 ? first : 0,
  }));
  return { here, written: ranks && ranks.rank > 0 ? [] : here, of };
}

/**
 * The bytes of a whole section, at the first rank; the others have theirs fetched meanwhile. Called by all, who go through it to
 * its end.
 */
export function* sectionBytes(ranks: Ranks, { written, of }: SectionPart): Generator<Bytes> {
  const total = of.reduce((sum, { first, end }) => sum + end - first, 0);
  if (of[0].end === total) {
    if (ranks.rank === 0) yield* written;
    return;
  }
  const nothing = new Uint8Array(0);
  const { first } = of[ranks.rank];
  for (let from = 0; from < total * 4; from += PIECE_BYTES) {
    const own = written.length === 0 ? nothing : cutOut(written[0], from - first * 4);
    const parts = Array.from({ length: ranks.size }, (_, rank) => (rank === 0 ? own : nothing));
    const arrived = ranks.exchange(parts);
    if (ranks.rank === 0) yield* arrived;
  }
}

/** Bytes [from, from + PIECE_BYTES) of a column, as far as it has them. */
function cutOut({ buffer, byteOffset, byteLength }: Column, from: number): Uint8Array {
  const [first, end] = [from, from + PIECE_BYTES].map((at) => Math.min(byteLength, Math.max(0, at)));
  return new Uint8Array(buffer, byteOffset + first, end - first);
}

/** Numbers that the first rank reads for the others at a time. */
const PIECE_NUMBERS = 2 ** 22;

/**
 * Puts a section that the first rank alone can read where each rank has its part. Called by all.
 * @param fill of the first rank: an array with the elements of the section from one on
 */
export function spreadSection(
  ranks: Ranks,
  { here }: SectionPart,
  fill: (column: Column, from: number) => void,
): void {
  const wanted = Float64Array.from(here.flatMap(({ column, from }) => [from, column.length]));
  const lists = ranks
    .gatherAll(new Uint8Array(wanted.buffer))
    .map((bytes) => new Float64Array(bytes.slice().buffer));
  const totals = lists.map((list) => list.reduce((sum, value, i) => sum + (i % 2 === 1 ? value : 0), 0));
  if (ranks.rank === 0) for (const { column, from } of here) fill(column, from);
  const own = here.map(({ column }) => bytesOf(column));
  const kind = here[0] === undefined ? Uint32Array : (here[0].column.constructor as typeof Uint32Array);
  // All pass through as many rounds as whoever gets the most.
  const piece = Math.max(1, Math.floor(PIECE_NUMBERS / ranks.size));
  const most = Math.max(0, ...totals.slice(1));
  const place = { run: 0, byte: 0 };
  const readers = lists.map((list) => new RunReader(list, kind, fill));
  for (let done = 0; done < most; done += piece) {
    const parts = readers.map((reader, rank) =>
      ranks.rank === 0 && rank > 0 ? reader.next(piece) : new Uint8Array(0),
    );
    const [arrived] = ranks.exchange(parts);
    if (ranks.rank > 0) pourInto(own, place, arrived);
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Column): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Reads the runs of a rank, one after the other, in pieces. */
class RunReader {
  readonly #runs: Float64Array; // (N, 2) first element, elements
  readonly #kind: { new (length: number): Column };
  readonly #fill: (column: Column, from: number) => void;
  #run = 0;
  #done = 0;

  constructor(
    runs: Float64Array,
    kind: { new (length: number): Column },
    fill: (column: Column, from: number) => void,
  ) {
    this.#runs = runs;
    this.#kind = kind;
    this.#fill = fill;
  }

  /** The bytes of up to `most` further elements. */
  next(most: number): Uint8Array {
    const piece = new this.#kind(most);
    let at = 0;
    while (at < most && this.#run * 2 < this.#runs.length) {
      const [first, length] = this.#runs.subarray(this.#run * 2, this.#run * 2 + 2);
      const count = Math.min(most - at, length - this.#done);
      this.#fill(piece.subarray(at, at + count), first + this.#done);
      at += count;
      this.#done += count;
      if (this.#done < length) break;
      this.#run++;
      this.#done = 0;
    }
    return bytesOf(piece.subarray(0, at));
  }
}

/** Lays bytes into arrays that follow each other, from a place on, which moves on. */
function pourInto(arrays: Uint8Array[], place: { run: number; byte: number }, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const array = arrays[place.run];
    const count = Math.min(bytes.length - at, array.length - place.byte);
    array.set(bytes.subarray(at, at + count), place.byte);
    at += count;
    place.byte += count;
    if (place.byte < array.length) continue;
    place.run++;
    place.byte = 0;
  }
}

/** Reads in pieces, after each of which the other ranks hear that this one is at work. */
export function toldOf(ranks: Ranks, source: Source): Source {
  return {
    sizeBytes: source.sizeBytes,
    piece(from, length) {
      ranks.progressed();
      return source.piece(from, length);
    },
    fill(from, { buffer, byteOffset, byteLength }) {
      for (let at = 0; at < byteLength; at += PIECE_BYTES) {
        ranks.progressed();
        const length = Math.min(PIECE_BYTES, byteLength - at);
        source.fill(from + at, new Uint8Array(buffer, byteOffset + at, length));
      }
    },
  };
}
