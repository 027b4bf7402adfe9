import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, IPV4_WORD_2, isIpv4, parseAddress } from '../addresses/address.ts';
import { IPV4_PREFIX_LENGTHS, LEVEL_LENGTHS } from '../neural/prefixLevels.ts';
import type { Model } from './model.ts';
import {
  ADDRESSES,
  bytes,
  type Header,
  headerLength,
  headerOf,
  read,
  readShared,
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

const sectionOf = (name: string) =>
  headerOf(bytes).sections.find((section: { name: string }) => section.name === name);

/** The file with one element of a section replaced, checksum mended. */
function poked(name: string, index: number, value: number): Uint8Array {
  const copy = bytes.slice();
  const { offset, type } = sectionOf(name);
  const view = new DataView(copy.buffer);
  if (type === 'f32') view.setFloat32(offset + index * 4, value, true);
  else if (type === 'u32') view.setUint32(offset + index * 4, value, true);
  else view.setUint8(offset + index, value);
  return sealed(copy);
}

const { rows } = read(bytes).weights.prefixes;
const rowNumbers = Array.from({ length: rows.count }, (_, row) => row);

/** `10.1.0.0/16` or `2001:db8::/32` → its row */
function rowOf(prefix: string): number {
  const [address, length] = prefix.split('/');
  const words = parseAddress(address)!;
  const ipv4 = isIpv4(words);
  const [high, low] = ipv4 ? [words[3], 0] : words;
  const row = rowNumbers.findIndex(
    (i) =>
      rows.high[i] === high &&
      rows.low[i] === low &&
      LEVEL_LENGTHS[rows.level[i]] === Number(length) &&
      rows.level[i] < IPV4_PREFIX_LENGTHS.length === ipv4,
  );
  assert.ok(row >= 0, `the sample has no row for ${prefix}`);
  return row;
}

/** The file with its prefixes in another order, checksum mended. */
function reordered(order: number[]): Uint8Array {
  const copy = bytes.slice();
  for (const [name, size] of [
    ['prefix_high', 4],
    ['prefix_low', 4],
    ['prefix_level', 1],
  ] as const) {
    const { offset } = sectionOf(name);
    for (const [i, row] of order.entries()) {
      copy.set(bytes.subarray(offset + row * size, offset + (row + 1) * size), offset + i * size);
    }
  }
  return sealed(copy);
}

for (const [layers, quantize] of [
  [0, false],
  [1, false],
  [3, false],
  [0, true],
  [1, true],
] as const) {
  test(`a model with ${layers} layers${quantize ? ' and vectors in 8 bits' : ''} is read as it was written, bit for bit`, async () => {
    const model = await smallModel(layers, quantize);
    const file = written(model);
    const again = read(file);
    assert.equal(behaviour(again), behaviour(model));
    assert.deepEqual(again.card, model.card);
    assert.deepEqual(again.weights.entityVectors, model.weights.entityVectors);
    assert.deepEqual(again.weights.networkVectors, model.weights.networkVectors);
    assert.deepEqual(again.weights.layers, model.weights.layers);
    assert.deepEqual(again.weights.prefixes.rows, model.weights.prefixes.rows);
    assert.deepEqual(again.seen.hashes, model.seen.hashes);
    assert.deepEqual(written(again), file);
    const shared = readShared(file);
    assert.equal(behaviour(shared), behaviour(model));
    assert.deepEqual(written(shared), file);
    assert.deepEqual(written(await smallModel(layers, quantize)), file);
  });
}

test('rows stand as in a routing table: IPv4 before IPv6, by prefix, the wider one first', () => {
  const texts = rowNumbers.map((row) => {
    const ipv6 = rows.level[row] >= IPV4_PREFIX_LENGTHS.length;
    const words = ipv6
      ? Uint32Array.of(rows.high[row], rows.low[row], 0, 0)
      : Uint32Array.of(0, 0, IPV4_WORD_2, rows.high[row]);
    return `${formatAddress(words)}/${LEVEL_LENGTHS[rows.level[row]]}`;
  });
  // Of addresses that training saw twice each, so that all their prefixes have rows.
  assert.deepEqual(
    texts,
    [
      '0.0.0.0/0',
      '8.0.0.0/8 8.0.0.0/10 8.0.0.0/12 8.8.0.0/14 8.8.0.0/16 8.8.0.0/18 8.8.0.0/20 8.8.8.0/22 8.8.8.0/24',
      '10.0.0.0/8 10.0.0.0/10 10.0.0.0/12 10.0.0.0/14 10.1.0.0/16 10.1.0.0/18 10.1.0.0/20 10.1.0.0/22 10.1.2.0/24',
      '198.0.0.0/8 198.0.0.0/10 198.48.0.0/12 198.48.0.0/14 198.51.0.0/16 198.51.64.0/18 198.51.96.0/20 198.51.100.0/22 198.51.100.0/24',
      '::/0 2001::/20 2001:db8::/32 2001:db8:1::/48 2001:db8:1::/56',
    ].flatMap((line) => line.split(' ')),
  );
});

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
    'is not a model of ip-insights: it does not start with "IPINSGHT". Train one: ip-insights train.',
  ],
  [
    'a packed model',
    () => Uint8Array.of(0x1f, 0x8b, 8),
    'is not a model of ip-insights: it does not start with "IPINSGHT". It is gzip: unpack it first.',
  ],
  ['the first 15 bytes', () => bytes.slice(0, 15), `is cut short inside its first 16 bytes. ${copyAgain}`],
  ['half a header', () => bytes.slice(0, 100), `is cut short inside its header. ${copyAgain}`],
  [
    'a later version',
    () => {
      const copy = bytes.slice();
      copy[8] = 5;
      return copy;
    },
    'written as v5, this build reads v4. Upgrade, or retrain.',
  ],
  [
    'an earlier version',
    () => {
      const copy = bytes.slice();
      copy[8] = 1;
      return copy;
    },
    'written as v1, this build reads v4. Retrain.',
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
    'section 1 should be entity_vectors f32[9 × 4], the header says entity_vectors f32[8 × 4]. Retrain.',
  ],
  [
    'a section less',
    () => changed(({ sections }) => sections.pop()),
    'expected 20 sections, the header lists 19. Retrain.',
  ],
  [
    'a section that overlaps the header',
    () => changed(({ sections }) => Object.assign(sections[0], { offset: 0 })),
    () =>
      `section entity_vectors should start at byte ${16 + headerLength(bytes)}, the header says 0. Retrain.`,
  ],
  [
    'a trillion prefixes',
    () => resized(8, 2 ** 40),
    () =>
      `is cut short: expected ${8192 + 128 + 2 ** 44 + 128 + 2 ** 43 + 2 ** 40 + bytes.length - sectionOf('seen_entities').offset} bytes, got ${bytes.length + 8176 - headerLength(bytes)}. ${copyAgain}`,
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
      copy[sectionOf('entity_vectors').offset + 4] ^= 1;
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
  [
    'a network vector that is no number',
    () => poked('network_vectors', 130, Number.NaN),
    'section network_vectors holds NaN or infinity. Retrain.',
  ],
  ['an unknown level', () => poked('prefix_level', 2, 15), 'prefix 2 has level 15, there are 15. Retrain.'],
  [
    'a prefix with too many bits',
    () => poked('prefix_high', 1, 0x0a000001),
    'prefix 1 has bits beyond its length of 8. Retrain.',
  ],
  [
    'an IPv6 prefix with too many bits',
    () => poked('prefix_low', rowOf('2001:db8:1::/56'), 0x10001),
    () => `prefix ${rowOf('2001:db8:1::/56')} has bits beyond its length of 56. Retrain.`,
  ],
  [
    'an IPv4 prefix with a second word',
    () => poked('prefix_low', 3, 0x80000000),
    'prefix 3 has bits beyond its length of 12. Retrain.',
  ],
  [
    'a root that is none',
    () => poked('prefix_level', 1, 0),
    'prefix 1 has bits beyond its length of 0. Retrain.',
  ],
  [
    'a prefix twice',
    () => reordered(rowNumbers.map((row) => (row === 2 ? 1 : row))),
    'prefix 2 is out of order. Retrain.',
  ],
  [
    'prefixes of one length together, the order of version 1',
    () => reordered(rowNumbers.toSorted((a, b) => rows.level[a] - rows.level[b] || a - b)),
    // After 0.0.0.0/0 and three /8 comes the /10 of the first of them.
    'prefix 4 is out of order. Retrain.',
  ],
  [
    'IPv6 before IPv4',
    () => reordered([...rowNumbers.slice(rowOf('::/0')), ...rowNumbers.slice(0, rowOf('::/0'))]),
    () => `prefix ${rows.count - rowOf('::/0')} is out of order. Retrain.`,
  ],
  [
    'a network before the one that precedes it',
    () => {
      const [from, to] = [rowOf('10.0.0.0/8'), rowOf('198.0.0.0/8')];
      return reordered([
        0,
        ...rowNumbers.slice(from, to),
        ...rowNumbers.slice(1, from),
        ...rowNumbers.slice(to),
      ]);
    },
    () => `prefix ${1 + rowOf('198.0.0.0/8') - rowOf('10.0.0.0/8')} is out of order. Retrain.`,
  ],
  [
    'a narrow prefix before its wider one',
    () => reordered(rowNumbers.map((row) => [0, 2, 1][row] ?? row)),
    'prefix 1 has no wider one above it. Retrain.',
  ],
  [
    'a prefix alone',
    () => poked('prefix_high', 6, 0xc7000000),
    'prefix 6 has no wider one above it. Retrain.',
  ],
  [
    'a prefix beside the one above it',
    () => poked('prefix_high', rowOf('10.1.2.0/24'), 0x0a010400),
    () => `prefix ${rowOf('10.1.2.0/24')} has no wider one above it. Retrain.`,
  ],
  [
    'a tree without a root',
    () => poked('prefix_level', rowOf('::/0'), rows.level[rowOf('::/0')] + 1),
    () => `prefix ${rowOf('::/0')} has no wider one above it. Retrain.`,
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
    const expected = { name: 'InputError', message: `login.model: ${sentence}` };
    assert.throws(() => read(damage()), expected);
    assert.throws(() => readShared(damage()), expected);
  });
}
