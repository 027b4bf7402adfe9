import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { selectEvents } from '../events/events.ts';
import { collectEvents, type Events } from '../index.ts';
import { SeenEntities } from './seenEntities.ts';

const eventsOf = (names: string[]): Events =>
  collectEvents(names.map((entity) => ({ entity, address: '1.1.1.1' })));

const word = fc.oneof(fc.nat(3), fc.constantFrom(0x7fffffff, 0x80000000, 0xffffffff), fc.nat(0xffffffff));
/** Hashes of which many share a word, so that they meet in the same slots. */
const someHashes = fc.array(fc.tuple(word, word), { maxLength: 80 });
const key = (low: number, high: number) => BigInt(high) * 2n ** 32n + BigInt(low);

test('entities are sorted by their hash, high word first, each once', () => {
  const seen = SeenEntities.of(eventsOf(['a', 'b', 'a', 'c', 'd', 'e', 'e']));
  assert.equal(seen.count, 5);
  const keys = Array.from({ length: 5 }, (_, i) => key(...seen.hashOf(i)));
  assert.ok(keys.every((value, i) => i === 0 || value > keys[i - 1]));
  assert.deepEqual([...seen.sortedOrder()], [0, 1, 2, 3, 4]);
  assert.ok(seen.isSorted);
});

test('a dictionary may name more than the events hold: those are strangers', () => {
  const events = eventsOf(['a', 'b', 'c']);
  const seen = SeenEntities.of(selectEvents(events, [2]));
  assert.equal(seen.count, 1);
  assert.deepEqual([...seen.numbersOf(events.entities)], [-1, -1, 0]);
  assert.ok(seen.has(...(events.entities.hashOf(2) as unknown as [number, number])));
});

test('each entity that is added is found by its number, and the numbers of those before stay', () => {
  fc.assert(
    fc.property(someHashes, someHashes, (first, added) => {
      const sorted = [...new Map(first.map(([low, high]) => [key(low, high), [low, high]])).entries()]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, hash]) => hash);
      const seen = new SeenEntities(Uint32Array.from(sorted.flat()));
      const numbers = new Map(sorted.map(([low, high], i) => [key(low, high), i]));
      for (const [low, high] of added) {
        const known = numbers.get(key(low, high));
        assert.equal(seen.find(low, high), known ?? -1);
        const number = seen.add(low, high);
        assert.equal(number, known ?? numbers.size);
        numbers.set(key(low, high), number);
      }
      assert.equal(seen.count, numbers.size);
      assert.equal(seen.isSorted, numbers.size === sorted.length);
      for (const [hash, number] of numbers) {
        const [low, high] = [Number(hash & 0xffffffffn), Number(hash >> 32n)];
        assert.equal(seen.find(low, high), number);
        assert.deepEqual(seen.hashOf(number), [low, high]);
      }
      // The sorted order is that of the hashes.
      const keys = Array.from(seen.sortedOrder(), (number) => key(...seen.hashOf(number)));
      assert.ok(keys.every((value, i) => i === 0 || value > keys[i - 1]));
    }),
  );
});

test('a thousand entities added to none are all found', () => {
  const seen = new SeenEntities(new Uint32Array(0));
  for (let i = 0; i < 1000; i++) assert.equal(seen.add(i * 16, 7), i);
  for (let i = 0; i < 1000; i++) assert.equal(seen.find(i * 16, 7), i);
  assert.equal(seen.find(0, 8), -1);
});
