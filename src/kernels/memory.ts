/** Arrays that all threads of a training see. They start as zeros. */
export interface Memory {
  floats(length: number): Float32Array;
  doubles(length: number): Float64Array;
  words(length: number): Uint32Array;
  bytes(length: number): DataView;
}

/** Each array a buffer of its own: room for as much as the machine has. */
export const separateBuffers: Memory = {
  floats: (length) => new Float32Array(new SharedArrayBuffer(length * 4)),
  doubles: (length) => new Float64Array(new SharedArrayBuffer(length * 8)),
  words: (length) => new Uint32Array(new SharedArrayBuffer(length * 4)),
  bytes: (length) => new DataView(new SharedArrayBuffer(length)),
};

/** Arrays begin at a multiple of this: the size of a cache line. */
const ALIGNMENT_BYTES = 64;

/** Adds up what the arrays of a layout take, without taking it. */
class SizeCounter implements Memory {
  sizeBytes = 0;
  floats(length: number): Float32Array {
    this.#add(length * 4);
    return new Float32Array(0);
  }
  doubles(length: number): Float64Array {
    this.#add(length * 8);
    return new Float64Array(0);
  }
  words(length: number): Uint32Array {
    this.#add(length * 4);
    return new Uint32Array(0);
  }
  bytes(length: number): DataView {
    this.#add(length);
    return new DataView(new ArrayBuffer(0));
  }
  #add(bytes: number): void {
    this.sizeBytes += Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  }
}

/** What the arrays of a layout take, in bytes. */
export function sizeBytesOf(layout: (memory: Memory) => unknown): number {
  const counter = new SizeCounter();
  layout(counter);
  return counter.sizeBytes;
}

/** Arrays one after the other in one buffer: the memory of a WebAssembly instance. */
export class OneBuffer implements Memory {
  readonly #buffer: SharedArrayBuffer;
  #end: number;

  /** @param start first free byte */
  constructor(buffer: SharedArrayBuffer, start: number) {
    this.#buffer = buffer;
    this.#end = start;
  }

  floats(length: number): Float32Array {
    return new Float32Array(this.#buffer, this.#take(length * 4), length);
  }
  doubles(length: number): Float64Array {
    return new Float64Array(this.#buffer, this.#take(length * 8), length);
  }
  words(length: number): Uint32Array {
    return new Uint32Array(this.#buffer, this.#take(length * 4), length);
  }
  bytes(length: number): DataView {
    return new DataView(this.#buffer, this.#take(length), length);
  }

  #take(bytes: number): number {
    const at = this.#end;
    this.#end += Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    return at;
  }
}
