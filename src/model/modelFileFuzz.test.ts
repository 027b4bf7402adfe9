import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InputError } from '../errors.ts';
import type { Model } from './model.ts';
import {
  ADDRESSES,
  bytes,
  flatBytes,
  headerLength,
  headerOf,
  read,
  readShared,
  resized,
  sealed,
  withHeader,
} from './sampleModelFile.ts';

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

/** Refused, or a model that answers: nothing in between, and the same from both kernels. */
function refusedOrWorks(file: Uint8Array): void {
  assert.deepEqual(outcome(readShared, file), outcome(read, file));
}

/** Scores, or the sentence of the refusal. */
function outcome(readFile: (file: Uint8Array) => Model, file: Uint8Array): number[] | string {
  let model: Model;
  try {
    model = readFile(file);
  } catch (error) {
    assert.ok(error instanceof InputError, String((error as Error).stack));
    return error.message;
  }
  return [...ADDRESSES, '9.9.9.9', '::'].map((text, i) => {
    const { dotProduct, verdict } = model.score(`user_${i}`, text, 0);
    assert.ok(!Number.isNaN(dotProduct));
    assert.ok(['ok', 'suspicious', 'unknown'].includes(verdict));
    return dotProduct;
  });
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
        // A copy, as one object may be drawn for several places, one of them within the other.
        else parent[path[path.length - 1]] = structuredClone(value);
      }
      fc.pre(JSON.stringify(header).length <= headerLength(bytes));
      refusedOrWorks(withHeader(bytes, header));
    }),
    { numRuns: 3000 },
  );
});

for (const [layers, file] of [flatBytes, bytes].entries()) {
  test(`a changed byte under a right checksum is refused, or makes a model that answers (${layers} layers)`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: file.length - 33 }), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 5,
        }),
        (changes) => {
          const copy = file.slice();
          for (const [at, byte] of changes) copy[at] = byte;
          refusedOrWorks(sealed(copy));
        },
      ),
      { numRuns: 2000 },
    );
  });
}

test('other sizes, with shapes and offsets that belong to them, are refused, or make a model that answers', () => {
  const rows = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 2 ** 27 }));
  fc.assert(
    fc.property(rows, fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 2 ** 53 - 1 })), (rows, prefixes) => {
      // A row more here and some less there can come to the same size, as sections are aligned.
      refusedOrWorks(resized(rows, prefixes));
    }),
    { numRuns: 1000 },
  );
});
