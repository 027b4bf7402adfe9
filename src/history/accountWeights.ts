/**
 * Mixture weights of single accounts, a byte each: code b stands for 2^(−b/16), which is right to 2.2 % and reaches down to
 * 2^−15.9, which smaller ones become; 255 for none. Weights of an account are made to sum to 1 again when they are read, so
 * that they are right to 4.4 %. W accounts, X experts.
 */
export class AccountWeights {
  /** whose, ascending */
  readonly entities: Uint32Array; // (W)
  readonly codes: Uint8Array; // (W, X)
  readonly #experts: number;
  /** one more than the row of each entity */
  readonly #rowOf: Uint32Array;

  constructor(entities: Uint32Array, codes: Uint8Array, experts: number) {
    this.entities = entities;
    this.codes = codes;
    this.#experts = experts;
    this.#rowOf = new Uint32Array(entities.length === 0 ? 0 : entities[entities.length - 1] + 1);
    for (let row = 0; row < entities.length; row++) this.#rowOf[entities[row]] = row + 1;
  }

  /** @param weights f64[X] for each entity */
  static of(weights: ReadonlyMap<number, Float64Array>, experts: number): AccountWeights {
    const entities = Uint32Array.from(weights.keys()).sort();
    const codes = new Uint8Array(entities.length * experts);
    for (let row = 0; row < entities.length; row++) {
      const mine = weights.get(entities[row])!;
      for (let x = 0; x < experts; x++) codes[row * experts + x] = encodeWeight(mine[x]);
    }
    return new AccountWeights(entities, codes, experts);
  }

  /** @returns whether the entity has weights of its own, which are then in `out`, f64[X] */
  read(entity: number, out: Float64Array): boolean {
    const row = entity >= 0 && entity < this.#rowOf.length ? this.#rowOf[entity] : 0;
    if (row === 0) return false;
    const at = (row - 1) * this.#experts;
    let sum = 0;
    for (let x = 0; x < this.#experts; x++) {
      out[x] = DECODED[this.codes[at + x]];
      sum += out[x];
    }
    for (let x = 0; x < this.#experts; x++) out[x] /= sum;
    return true;
  }
}

const CODES_PER_HALVING = 16;
const NONE = 255;
const DECODED = Float64Array.from({ length: 256 }, (_, code) =>
  code === NONE ? 0 : 2 ** (-code / CODES_PER_HALVING),
);

function encodeWeight(weight: number): number {
  if (weight <= 0) return NONE;
  // However small, never none: an account whose experts all give 0 would find an address infinitely strange.
  return Math.min(NONE - 1, Math.max(0, Math.round(-Math.log2(weight) * CODES_PER_HALVING)));
}
