/*
 * Threads get arrays as part of a message. The structured clone of V8 (Node 20 to 24) cuts the length of a view to 32 bits
 * of bytes: of a table of 4 GiB and more, a thread would see only the rest. The buffer itself arrives whole. So views
 * travel as their buffer, place and length.
 */

type View = Float32Array | Float64Array | Uint32Array | Uint8Array | Int32Array;

const TYPES = { Float32Array, Float64Array, Uint32Array, Uint8Array, Int32Array } as const;

interface PackedView {
  packed: keyof typeof TYPES;
  buffer: ArrayBufferLike;
  byteOffset: number;
  length: number;
}

/** What `pack` made of a T; only `unpack` can read it. */
export interface Packed<T> {
  readonly content: unknown;
  /** never there: keeps the type */
  readonly of?: T;
}

/** A value of plain objects, arrays and typed arrays, in a form that reaches another thread whole. */
export function pack<T>(value: T): Packed<T> {
  return { content: packed(value) };
}

/** The value in the other thread: views of the same memory where that is shared. */
export function unpack<T>({ content }: Packed<T>): T {
  return unpacked(content) as T;
}

function packed(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, length } = value as View;
    return { packed: value.constructor.name as keyof typeof TYPES, buffer, byteOffset, length };
  }
  return mapped(value, packed);
}

function unpacked(value: unknown): unknown {
  if (isPackedView(value)) {
    return new TYPES[value.packed](value.buffer as ArrayBuffer, value.byteOffset, value.length);
  }
  return mapped(value, unpacked);
}

const isPackedView = (value: unknown): value is PackedView =>
  typeof value === 'object' && value !== null && 'packed' in value;

/** Modules, memories and buffers pass as they are: their prototype is not that of a plain object. */
function mapped(value: unknown, change: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(change);
  if (typeof value !== 'object' || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, change(one)]));
}
