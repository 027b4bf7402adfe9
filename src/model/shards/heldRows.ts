import { hashModulo } from '../../events/entityHash.ts';
import { lowerBound } from '../../ranking/lowerBound.ts';

/** Which shard each entity belongs to, and which rows of the entity table are here. K shards, numbered from 1. */
export class HeldRows {
  /** ascending */
  readonly shards: readonly number[];
  /** K */
  readonly count: number;
  readonly #borders: Float64Array; // (K + 1)
  /** what is added to a row of a shard to have its place here; NaN for those elsewhere */
  readonly #moves: Float64Array; // (K + 1)

  /** @param borders the first row of each shard, and the end of the last */
  constructor(shards: readonly number[], borders: readonly number[]) {
    this.shards = shards;
    this.count = borders.length - 1;
    this.#borders = Float64Array.from(borders);
    this.#moves = new Float64Array(this.count + 1).fill(Number.NaN);
    let rows = 0;
    for (const shard of shards) {
      this.#moves[shard] = rows - borders[shard - 1];
      rows += borders[shard] - borders[shard - 1];
    }
  }

  /** rows of the whole table */
  get entityRows(): number {
    return this.#borders[this.count];
  }

  /** The shard of an entity, by low and high word of its hash. */
  shardOf(hashLow: number, hashHigh: number): number {
    return this.shardOfRow(hashModulo(hashLow, hashHigh, this.entityRows));
  }

  holds(shard: number): boolean {
    return !Number.isNaN(this.#moves[shard]);
  }

  shardOfRow(row: number): number {
    // The first that ends behind it.
    return lowerBound(this.#borders, row + 1, 1, this.count);
  }

  /**
   * The row here of a row of the whole table.
   * @throws RangeError where it is of a shard that is elsewhere: who asks must have looked
   */
  localRow(row: number): number {
    const at = row + this.#moves[this.shardOfRow(row)];
    if (Number.isNaN(at)) throw new RangeError(`entity row ${row} is of a shard that is not here`);
    return at;
  }
}
