import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlaceColumns } from './accountPlaces.ts';
import { Decay } from './decay.ts';

const placesOf = (...days: number[]): PlaceColumns => ({
  ipv4: true,
  starts: Uint32Array.of(0, days.length),
  high: Uint32Array.from(days.keys()),
  low: new Uint32Array(0),
  events: new Uint16Array(days.length).fill(1),
  day: Uint16Array.from(days),
});

test('a place of 0, 10, 20 and 30 days ago counts 1, a half, a quarter and an eighth at a half-life of 10 days', () => {
  const decay = new Decay(10, 1000);
  const places = placesOf(1000, 990, 980, 970);
  assert.deepEqual(
    [0, 1, 2, 3].map((at) => decay.sum(places, at, at + 1)),
    [1, 0.5, 0.25, 0.125],
  );
  assert.equal(decay.sum(places, 0, 4), 1.875);
  assert.equal(decay.sum(places, 1, 3), 0.75);
  // Five days are half a half-life.
  assert.equal(new Decay(10, 1000).sum(placesOf(995), 0, 1), 2 ** -0.5);
});

test('without a half-life every place counts 1, however old', () => {
  assert.equal(new Decay().sum(placesOf(1, 500, 65_535), 0, 3), 3);
  assert.equal(new Decay(undefined, 1000).sum(placesOf(1, 0), 0, 2), 2);
});

test('a place of an unknown day, or of one after the reference day, counts 1', () => {
  const decay = new Decay(10, 1000);
  assert.equal(decay.sum(placesOf(0), 0, 1), 1);
  assert.equal(decay.sum(placesOf(1001), 0, 1), 1);
  assert.equal(decay.sum(placesOf(65_535), 0, 1), 1);
});

test('no place counts 0', () => {
  assert.equal(new Decay(10, 1000).sum(placesOf(990), 1, 1), 0);
  assert.equal(new Decay().sum(placesOf(990), 1, 1), 0);
});
