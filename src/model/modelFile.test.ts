import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Model } from './model.ts';
import {
  ADDRESSES,
  bytes,
  type Header,
  headerLength,
  headerOf,
  read,
  resized,
  sealed,
  smallModel,
  withHeader,
  written,
} from './sampleModelFile.ts';

/** Every number that a model gives, as text, so that bits are compared. */
function behaviour(model: Model): string {
  const events = ['user_0', 'user_3', 'stranger', '?'].flatMap((entity) =>
    [...ADDRESSES, '1.1.1.1', '::1'].map((address) => model.score(entity, address, 0)),
  );
  return JSON.stringify(events);
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
