/** Random arrays in the memory that kernels work on, and calls on parts of a range. Tests only; not part of the package. */
import assert from 'node:assert/strict';
import { RandomStream } from '../../random/philox.ts';
import type { Kernels, Lists } from '../kernels.ts';
import type { Memory } from '../memory.ts';

/** Sizes of a mini-batch, by the names of kernels.ts. */
export interface Shape {
  B: number;
  D: number;
  R: number;
  S: number;
}

/** What a check has to do with. */
export interface Trial {
  /** of several threads; any of them may compute any part */
  kernels: Kernels[];
  shape: Shape;
  data: Data;
  /** 0 to ROUNDS − 1: kinds of data */
  round: number;
}

export const ROUNDS = 3;

export type Check = (trial: Trial) => void;

/** Number of stream for the data; any would do. */
const PURPOSE = 99;
/** Elements behind each output that no kernel may touch: as many as several registers hold. */
const GUARD = 16;
/** Random numbers that are drawn; a longer array repeats them. A prime, so that its rows differ. */
const PERIOD = 65_537;

type Output = Float32Array | Float64Array | Uint32Array;

export class Data {
  readonly #memory: Memory;
  readonly #random: RandomStream;
  /** Called with the same seed, the numbers are the same. */
  constructor(memory: Memory, seed: number) {
    this.#memory = memory;
    this.#random = new RandomStream(seed, PURPOSE);
  }

  below(n: number): number {
    return this.#random.below(n);
  }

  /** f32[length], normal, of the given size */
  floats(length: number, size = 1): Float32Array {
    const array = this.#memory.floats(length);
    const drawn = Math.min(length, PERIOD);
    for (let i = 0; i < drawn; i++) array[i] = size * this.#random.normal();
    for (let i = drawn; i < length; i++) array[i] = array[i - PERIOD];
    return array;
  }

  /** f32[length + GUARD] that a kernel will write: what was there before must not matter, what lies behind must stay. */
  output(length: number): Float32Array {
    return this.floats(length + GUARD);
  }

  doublesOutput(length: number): Float64Array {
    const array = this.#memory.doubles(length + GUARD);
    for (let i = 0; i < array.length; i++) array[i] = this.#random.normal();
    return array;
  }

  wordsOutput(length: number): Uint32Array {
    return this.words(length + GUARD, 2 ** 32);
  }

  words(length: number, below: number): Uint32Array {
    const array = this.#memory.words(length);
    for (let i = 0; i < length; i++) array[i] = this.below(below);
    return array;
  }

  /** i8[length] from −127 to 127 */
  bytes(length: number): Int8Array {
    const { buffer, byteOffset } = this.#memory.bytes(length);
    const array = new Int8Array(buffer, byteOffset, length);
    for (let i = 0; i < length; i++) array[i] = this.below(255) - 127;
    return array;
  }

  /** The list as an array in the memory. */
  wordsOf(list: ArrayLike<number>): Uint32Array {
    const array = this.#memory.words(list.length);
    array.set(list);
    return array;
  }

  /** Lists of 0 to `most` members each. */
  lists(count: number, most: number, below: number): Lists {
    const starts = this.#memory.words(count + 1);
    starts[0] = 0;
    for (let i = 0; i < count; i++) starts[i + 1] = starts[i] + this.below(most + 1);
    return { starts, members: this.words(starts[count], below) };
  }

  /** The numbers 0 … n − 1 in random order. */
  shuffled(n: number): Uint32Array {
    const keyed = Array.from({ length: n }, (_, i) => [this.#random.uniform(), i]);
    return this.wordsOf(keyed.sort(([a], [b]) => a - b).map(([, i]) => i));
  }
}

export const indices = (n: number) => Array.from({ length: n }, (_, i) => i);

/** Distinct elements, ascending. */
export const distinct = (list: Iterable<number>) => [...new Set(list)].sort((a, b) => a - b);

const bitsOf = ({ buffer, byteOffset, byteLength }: Output) => Buffer.from(buffer, byteOffset, byteLength);

/**
 * Runs a kernel on a whole range and again on its parts, from the last one on and by different threads; both must leave the same
 * bits, and nothing behind the outputs. Afterwards the outputs hold the results.
 * @param outputs what the kernel changes, each with GUARD elements at its end
 */
export function wholeAndParts(
  kernels: Kernels[],
  count: number,
  outputs: Output[],
  call: (kernels: Kernels, from: number, to: number) => void,
): void {
  const start = outputs.map((one) => one.slice());
  call(kernels[0], 0, count);
  const whole = outputs.map((one) => one.slice());
  for (const [i, one] of outputs.entries()) one.set(start[i] as never);
  // Parts may be empty.
  const cut = [0, count >> 2, count >> 1, count];
  for (let i = 2; i >= 0; i--) call(kernels[i % kernels.length], cut[i], cut[i + 1]);
  for (const [i, one] of outputs.entries()) {
    assert.ok(
      bitsOf(one).equals(bitsOf(whole[i])),
      `output ${i}: parts of the range give other bits than the whole`,
    );
    assert.ok(
      bitsOf(one.slice(-GUARD)).equals(bitsOf(start[i].slice(-GUARD))),
      `output ${i}: something behind its end was changed`,
    );
  }
}
