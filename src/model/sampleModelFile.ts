/** A small model and its file, and the file with this or that changed. Tests only; not part of the package. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { parseAddress } from '../addresses/address.ts';
import { EventsBuilder } from '../events/events.ts';
import { availableKernels } from '../kernels/available.ts';
import { createKernelMemory } from '../kernels/webAssembly.ts';
import type { Model } from './model.ts';
import { beginModel, readModel, writeModel } from './modelFile.ts';
import { trainModel } from './trainModel.ts';

export const ADDRESSES = [
  '10.1.2.3',
  '10.1.2.9',
  '198.51.100.7',
  '2001:db8:1:2::3',
  '2001:db8:1:2::4',
  '8.8.8.8',
];

export async function smallModel(numIpEncoderLayers: number, quantize = false): Promise<Model> {
  const builder = new EventsBuilder();
  for (const [i, address] of [...ADDRESSES, ...ADDRESSES].entries()) {
    const name = new TextEncoder().encode(`user_${i % 4}`);
    builder.add(name, 0, name.length, parseAddress(address)!, i === 0 ? Number.NaN : 1541289600.5 + i);
  }
  const hyperparameters = {
    vectorDim: 4,
    epochs: 2,
    miniBatchSize: 5,
    numIpEncoderLayers,
    learningRate: 0.1,
  };
  return trainModel(builder.build(), {
    hyperparameters,
    seed: 2 ** 53 - 1,
    validation: builder.build(),
    quantize,
  });
}

export function written(model: Model): Uint8Array {
  const parts: Uint8Array[] = [];
  writeModel(model, (bytes) => parts.push(bytes.slice()));
  return new Uint8Array(Buffer.concat(parts));
}

/** The file of a model with one layer. */
export const bytes = written(await smallModel(1));
/** The file of one without. */
export const flatBytes = written(await smallModel(0));

export const read = (file: Uint8Array) => readModel(file, 'login.model');

const { module, reason } = availableKernels();
assert.ok(module, reason);
/** Files that are a little longer have room too. */
const room = createKernelMemory(module, 0, 1, (memory) => memory.bytes(bytes.length + 8192));
assert.ok(room);

/** The memory of the WebAssembly kernels that `readShared` reads from. */
export const { kernelMemory } = room;

/** Reads the file from where `loadModel` puts it. What was read before is overwritten. */
export function readShared(file: Uint8Array): Model {
  const { buffer, byteOffset } = room!.arrays;
  new Uint8Array(buffer, byteOffset, file.length).set(file);
  return beginModel(
    new DataView(buffer, byteOffset, file.length),
    'login.model',
    kernelMemory,
    0,
    'verify',
  )();
}

/** The header as an object, to be changed. */
export interface Header {
  // biome-ignore lint/suspicious/noExplicitAny: the tests write what no type allows
  card: any;
  // biome-ignore lint/suspicious/noExplicitAny: the same
  sections: any;
}

export const headerLength = (file: Uint8Array) =>
  new DataView(file.buffer, file.byteOffset).getUint32(12, true);

export function headerOf(file: Uint8Array): Header {
  return JSON.parse(new TextDecoder().decode(file.subarray(16, 16 + headerLength(file))));
}

/** The file with another header, in a place of `length` bytes, and with the checksum that belongs to it. */
export function withHeader(file: Uint8Array, header: unknown, length = headerLength(file)): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  assert.ok(text.length <= length, 'the new header is too long for its place');
  const body = file.subarray(16 + headerLength(file));
  const copy = new Uint8Array(16 + length + body.length).fill(32);
  copy.set(file.subarray(0, 12));
  new DataView(copy.buffer).setUint32(12, length, true);
  copy.set(text, 16);
  copy.set(body, 16 + length);
  return sealed(copy);
}

/** The file with a header that speaks of other sizes, all of it consistent. */
export function resized(rows: number, prefixes: number): Uint8Array {
  const length = 8192 - 16;
  const header = headerOf(bytes);
  header.card.hyperparameters.numEntityVectors = rows;
  header.card.data.prefixes = prefixes;
  header.sections[0].shape[0] = rows;
  for (const i of [1, 3, 4, 5]) header.sections[i].shape[0] = prefixes;
  let at = 16 + length;
  for (const section of header.sections) {
    section.offset = Math.min(at, Number.MAX_SAFE_INTEGER);
    const elements = section.shape.reduce((a: number, b: number) => a * b);
    at = Math.ceil((at + elements * ({ u8: 1, u16: 2 }[section.type as string] ?? 4)) / 64) * 64;
  }
  return withHeader(bytes, header, length);
}

export function sealed(file: Uint8Array): Uint8Array {
  const copy = file.slice();
  copy.set(createHash('sha256').update(copy.subarray(0, -32)).digest(), copy.length - 32);
  return copy;
}
