import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { parseAddress } from '../addresses/address.ts';
import { InputError } from '../errors.ts';
import { EventsBuilder } from '../events/events.ts';
import { plainKernels } from '../kernels/plain.ts';
import type { Model } from './model.ts';
import { readModel, writeModel } from './modelFile.ts';
import { trainModel } from './trainModel.ts';

const ADDRESSES = ['10.1.2.3', '10.1.2.9', '198.51.100.7', '2001:db8:1:2::3', '2001:db8:1:2::4', '8.8.8.8'];

async function smallModel(numIpEncoderLayers: number): Promise<Model> {
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
  return trainModel(builder.build(), { hyperparameters, seed: 2 ** 53 - 1, validation: builder.build() });
}

function written(model: Model): Uint8Array {
  const parts: Uint8Array[] = [];
  writeModel(model, (bytes) => parts.push(bytes.slice()));
  return new Uint8Array(Buffer.concat(parts));
}

let bytes: Uint8Array;
before(async () => {
  bytes = written(await smallModel(1));
});

const read = (file: Uint8Array) => readModel(file, 'login.model', plainKernels);

/** Every number that a model gives, as text, so that bits are compared. */
function behaviour(model: Model): string {
  const events = ['user_0', 'user_3', 'stranger', ''].flatMap((entity) =>
    [...ADDRESSES, '1.1.1.1', '::1'].map((address) => model.score(entity, address, 0)),
  );
  return JSON.stringify(events);
}

/** The header as an object, to be changed. */
interface Header {
  // biome-ignore lint/suspicious/noExplicitAny: the tests write what no type allows
  card: any;
  // biome-ignore lint/suspicious/noExplicitAny: the same
  sections: any;
}

const headerLength = (file: Uint8Array) => new DataView(file.buffer, file.byteOffset).getUint32(12, true);

function headerOf(file: Uint8Array): Header {
  return JSON.parse(new TextDecoder().decode(file.subarray(16, 16 + headerLength(file))));
}

/** The file with another header, in a place of `length` bytes, and with the checksum that belongs to it. */
function withHeader(file: Uint8Array, header: unknown, length = headerLength(file)): Uint8Array {
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
function resized(rows: number, prefixes: number): Uint8Array {
  const length = 4096 - 16;
  const header = headerOf(bytes);
  header.card.hyperparameters.numEntityVectors = rows;
  header.card.data.prefixes = prefixes;
  header.sections[0].shape[0] = rows;
  for (const i of [1, 3, 4, 5]) header.sections[i].shape[0] = prefixes;
  let at = 16 + length;
  for (const section of header.sections) {
    section.offset = Math.min(at, Number.MAX_SAFE_INTEGER);
    const elements = section.shape.reduce((a: number, b: number) => a * b);
    at = Math.ceil((at + elements * (section.type === 'u8' ? 1 : 4)) / 64) * 64;
  }
  return withHeader(bytes, header, length);
}

function sealed(file: Uint8Array): Uint8Array {
  const copy = file.slice();
  copy.set(createHash('sha256').update(copy.subarray(0, -32)).digest(), copy.length - 32);
  return copy;
}

/** The file after `change` has been made to its header. */
function changed(change: (header: Header) => void): Uint8Array {
  const header = headerOf(bytes);
  change(header);
  return withHeader(bytes, header);
}

/** The file with one element of a section replaced, checksum mended. */
function poked(name: string, index: number, value: number): Uint8Array {
  const copy = bytes.slice();
  const { offset, type } = headerOf(bytes).sections.find(
    (section: { name: string }) => section.name === name,
  );
  const view = new DataView(copy.buffer);
  if (type === 'f32') view.setFloat32(offset + index * 4, value, true);
  else if (type === 'u32') view.setUint32(offset + index * 4, value, true);
  else view.setUint8(offset + index, value);
  return sealed(copy);
}

for (const layers of [0, 1, 3]) {
  test(`a model with ${layers} layers is read as it was written, bit for bit`, async () => {
    const model = await smallModel(layers);
    const file = written(model);
    const again = read(file);
    assert.equal(behaviour(again), behaviour(model));
    assert.deepEqual(again.card, model.card);
    assert.deepEqual(again.weights.entityVectors, model.weights.entityVectors);
    assert.deepEqual(again.weights.prefixVectors, model.weights.prefixVectors);
    assert.deepEqual(again.weights.layers, model.weights.layers);
    assert.deepEqual(again.weights.prefixes.rows, model.weights.prefixes.rows);
    assert.deepEqual(again.seen.hashes, model.seen.hashes);
    assert.deepEqual(written(again), file);
    assert.deepEqual(written(await smallModel(layers)), file);
  });
}

test('sections are aligned, whatever the place of the bytes in memory', () => {
  for (const { offset } of headerOf(bytes).sections) assert.equal(offset % 64, 0);
  const expected = behaviour(read(bytes));
  for (let shift = 0; shift < 9; shift++) {
    const place = Buffer.alloc(bytes.length + shift);
    place.set(bytes, shift);
    assert.equal(behaviour(read(place.subarray(shift))), expected);
  }
});

const copyAgain = 'Copy it again, or retrain.';
const DAMAGE: [name: string, damage: () => Uint8Array, message: string | (() => string)][] = [
  ['nothing', () => new Uint8Array(0), 'is empty, expected a model. Train one: ip-insights train.'],
  [
    'another file',
    () => new TextEncoder().encode('alice,1.2.3.4\n'),
    'is not an ip-insights model: it does not start with "IPINSGHT".',
  ],
  [
    'a packed model',
    () => Uint8Array.of(0x1f, 0x8b, 8),
    'is not an ip-insights model: it does not start with "IPINSGHT". It is gzip: unpack it first.',
  ],
  ['the first 15 bytes', () => bytes.slice(0, 15), `is cut short inside its first 16 bytes. ${copyAgain}`],
  ['half a header', () => bytes.slice(0, 100), `is cut short inside its header. ${copyAgain}`],
  [
    'a later version',
    () => {
      const copy = bytes.slice();
      copy[8] = 2;
      return copy;
    },
    'written as v2, this build reads v1. Upgrade, or retrain.',
  ],
  [
    'an earlier version',
    () => {
      const copy = bytes.slice();
      copy[8] = 0;
      return copy;
    },
    'written as v0, this build reads v1. Retrain.',
  ],
  [
    'no JSON',
    () => withHeader(bytes, '{"card":'),
    `its header is not JSON: the file was changed or damaged. ${copyAgain}`,
  ],
  [
    'no UTF-8',
    () => {
      const copy = bytes.slice();
      copy[20] = 0xff;
      return copy;
    },
    `its header is not JSON: the file was changed or damaged. ${copyAgain}`,
  ],
  [
    'an unknown field',
    () => changed(({ card }) => Object.assign(card, { x: 1 })),
    `its header is not one of a model: card: Unrecognized key: "x". ${copyAgain}`,
  ],
  [
    'no seed',
    () => changed(({ card }) => delete card.seed),
    `its header is not one of a model: card.seed: Invalid input: expected number, received undefined. ${copyAgain}`,
  ],
  [
    'no entity vectors',
    () => changed(({ card }) => Object.assign(card.hyperparameters, { numEntityVectors: 0 })),
    `its header is not one of a model: card.hyperparameters.numEntityVectors: Too small: expected number to be >=1. ${copyAgain}`,
  ],
  [
    'vectors of absurd size',
    () => changed(({ card }) => Object.assign(card.hyperparameters, { vectorDim: 2 ** 50 })),
    `its header is not one of a model: card.hyperparameters.vectorDim: Too big: expected number to be <=4096. ${copyAgain}`,
  ],
  [
    'vectors for other prefixes',
    () => changed(({ card }) => Object.assign(card.prefixLengths, { ipv6: [0, 32] })),
    'has vectors for ipv6 prefixes /0, /32, this build for /0, /20, /32, /48, /56. Retrain.',
  ],
  [
    'another number of entity vectors',
    () => changed(({ card }) => Object.assign(card.hyperparameters, { numEntityVectors: 9 })),
    'section 1 should be entity_vectors f32[9 × 4], the header says entity_vectors f32[8 × 4]. Train the model again.',
  ],
  [
    'a section less',
    () => changed(({ sections }) => sections.pop()),
    'expected 7 sections, the header lists 6. Train the model again.',
  ],
  [
    'a section that overlaps the header',
    () => changed(({ sections }) => Object.assign(sections[0], { offset: 0 })),
    () =>
      `section entity_vectors should start at byte ${16 + headerLength(bytes)}, the header says 0. Train the model again.`,
  ],
  [
    'a trillion prefixes',
    () => resized(8, 2 ** 40),
    () =>
      `is cut short: expected ${4096 + 128 + 2 ** 44 + 128 + 2 ** 43 + 2 ** 40 + 64 + 32} bytes, got ${bytes.length + 4080 - headerLength(bytes)}. ${copyAgain}`,
  ],
  [
    'a missing byte',
    () => bytes.slice(0, -1),
    () => `is cut short: expected ${bytes.length} bytes, got ${bytes.length - 1}. ${copyAgain}`,
  ],
  [
    'a byte too many',
    () => Uint8Array.of(...bytes, 0),
    () => `has 1 byte too many: expected ${bytes.length}, got ${bytes.length + 1}. ${copyAgain}`,
  ],
  [
    'a changed weight',
    () => {
      const copy = bytes.slice();
      copy[1700] ^= 1;
      return copy;
    },
    `its checksum does not match its content: the file was changed or damaged. ${copyAgain}`,
  ],
  [
    'a weight that is no number',
    () => poked('entity_vectors', 3, Number.NaN),
    'section entity_vectors holds NaN or infinity. Retrain.',
  ],
  [
    'an infinite weight',
    () => poked('encoder_layers', 0, Number.NEGATIVE_INFINITY),
    'section encoder_layers holds NaN or infinity. Retrain.',
  ],
  ['an unknown level', () => poked('prefix_level', 2, 15), 'prefix 2 has level 15, there are 15. Retrain.'],
  [
    'a prefix with too many bits',
    () => poked('prefix_high', 1, 0x0a000001),
    'prefix 1 has bits beyond its length of 8. Retrain.',
  ],
  ['a prefix twice', () => poked('prefix_high', 1, 0x0a000000), 'prefix 2 is out of order. Retrain.'],
  [
    'a prefix alone',
    () => poked('prefix_high', 6, 0xc7000000),
    'prefix 6 has no wider one above it. Retrain.',
  ],
  [
    'hashes out of order',
    () => poked('seen_entities', 1, 0xffffffff),
    'seen_entities 1 is out of order. Retrain.',
  ],
];
for (const [name, damage, message] of DAMAGE) {
  test(`refuses ${name}`, () => {
    const sentence = typeof message === 'string' ? message : message();
    assert.throws(() => read(damage()), { name: 'InputError', message: `login.model: ${sentence}` });
  });
}

function mustBeRefused(file: Uint8Array): void {
  assert.throws(
    () => read(file),
    (error) => error instanceof InputError && error.message.startsWith('login.model: '),
  );
}

test('any changed byte is refused', () => {
  // All places of the preamble and header, and a share of the rest, each with a change of its own.
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const copy = bytes.slice();
      copy[at] ^= flip;
      mustBeRefused(copy);
    }),
    { numRuns: 2000 },
  );
});

test('any shorter or longer file is refused', () => {
  for (let length = 0; length < bytes.length; length += length < 32 ? 1 : 13)
    mustBeRefused(bytes.slice(0, length));
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (more) => {
      mustBeRefused(new Uint8Array(Buffer.concat([bytes, more])));
    }),
    { numRuns: 100 },
  );
});

test('random bytes with the right beginning are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (rest) => {
      const start = new Uint8Array(Buffer.concat([bytes.subarray(0, 12), rest]));
      mustBeRefused(start);
    }),
    { numRuns: 500 },
  );
});

/** Refused, or a model that answers: nothing in between. */
function refusedOrWorks(file: Uint8Array): void {
  let model: Model;
  try {
    model = read(file);
  } catch (error) {
    assert.ok(error instanceof InputError, String((error as Error).stack));
    return;
  }
  for (const [i, text] of [...ADDRESSES, '9.9.9.9', '::'].entries()) {
    const { dotProduct, verdict } = model.score(`user_${i}`, text, 0);
    assert.ok(!Number.isNaN(dotProduct));
    assert.ok(['ok', 'suspicious', 'unknown'].includes(verdict));
  }
}

test('a changed header under a right checksum is refused, or makes a model that answers', () => {
  const value = fc.oneof(
    fc.constantFrom<unknown>(
      0,
      -1,
      0.5,
      1,
      2 ** 31,
      2 ** 32,
      2 ** 50,
      2 ** 53,
      1e308,
      null,
      '',
      'u8',
      [],
      {},
      true,
    ),
    fc.integer({ min: 0, max: 5000 }),
  );
  /** All places of a JSON value. */
  const places = (node: unknown, path: (string | number)[] = []): (string | number)[][] =>
    typeof node === 'object' && node !== null
      ? [path, ...Object.entries(node).flatMap(([key, child]) => places(child, [...path, key]))]
      : [path];
  const all = places(headerOf(bytes)).filter((path) => path.length > 0);
  const change = fc.tuple(fc.constantFrom(...all), value, fc.boolean());
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      // biome-ignore lint/suspicious/noExplicitAny: walks into any place
      const header: any = headerOf(bytes);
      for (const [path, value, remove] of changes) {
        const parent = path.slice(0, -1).reduce((node, key) => node?.[key], header);
        if (typeof parent !== 'object' || parent === null) continue;
        if (remove) delete parent[path[path.length - 1]];
        else parent[path[path.length - 1]] = value;
      }
      fc.pre(JSON.stringify(header).length <= headerLength(bytes));
      refusedOrWorks(withHeader(bytes, header));
    }),
    { numRuns: 3000 },
  );
});

test('a changed byte under a right checksum is refused, or makes a model that answers', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: bytes.length - 33 }), fc.integer({ min: 0, max: 255 })), {
        minLength: 1,
        maxLength: 5,
      }),
      (changes) => {
        const copy = bytes.slice();
        for (const [at, byte] of changes) copy[at] = byte;
        refusedOrWorks(sealed(copy));
      },
    ),
    { numRuns: 3000 },
  );
});

test('other sizes, with shapes and offsets that belong to them, never pass for a whole file', () => {
  const { shape } = headerOf(bytes).sections[0];
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 27 }), fc.nat({ max: 2 ** 53 - 1 }), (rows, prefixes) => {
      fc.pre(rows !== shape[0] || prefixes !== headerOf(bytes).card.data.prefixes);
      mustBeRefused(resized(rows, prefixes));
    }),
    { numRuns: 300 },
  );
});
