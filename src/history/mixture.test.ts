import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4, parseAddress } from '../addresses/address.ts';
import { type AccessEvent, collectEvents } from '../index.ts';
import { AccountPlaces } from './accountPlaces.ts';
import { AccountWeights } from './accountWeights.ts';
import { Decay } from './decay.ts';
import { History, type LadderView } from './history.ts';
import {
  BUCKETS,
  bucketOf,
  densities,
  expertCount,
  experts,
  logRatio,
  type MixtureWeights,
  rungOfExpert,
  weightsOf,
} from './mixture.ts';
import { IPV4_SPACE, PLACE_RUNG, RUNGS } from './rungs.ts';

const X = expertCount(RUNGS);
const NO_ACCOUNTS = AccountWeights.of(new Map(), X);

/** The history of events whose entities are called `u0`, `u1`, … */
function historyOf(list: AccessEvent[], halfLife?: number): History {
  const events = collectEvents(list);
  const numbers = Uint32Array.from({ length: events.entities.count }, (_, e) =>
    Number(events.entities.name(e).slice(1)),
  );
  const accounts = Math.max(0, ...numbers) + 1;
  return new History(AccountPlaces.of(events, accounts, numbers), [], new Decay(halfLife, 30));
}

const close = (actual: number, expected: number, what = '') =>
  assert.ok(Math.abs(actual - expected) <= 1e-12 * Math.abs(expected), `${what} ${actual}, not ${expected}`);

test('the number of places decides the bucket: 1–3, 4–10, 11–30, 31–100, more', () => {
  assert.deepEqual([1, 3, 4, 10, 11, 30, 31, 100, 101, 1e9].map(bucketOf), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
  assert.equal(BUCKETS.length, 5);
});

test('experts: anywhere, everybody, each rung but the place, then providers', () => {
  assert.equal(expertCount(RUNGS), 13);
  assert.equal(expertCount(RUNGS + 2), 15);
  const rungs = Array.from({ length: 13 }, (_, i) => rungOfExpert(i + 2));
  assert.deepEqual(rungs, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13]);
  assert.ok(!rungs.includes(PLACE_RUNG));
});

/** An account of 4 places of 10 that 3 accounts have, 2 of its 4 in the address's /8, none in a narrower network. */
function byHand(): LadderView {
  const view: LadderView = historyOf([]).view();
  view.places = view.total = view.countedTotal = 4;
  view.space.set(IPV4_SPACE);
  view.own.set([4, 2]);
  view.counted.set(view.own);
  view.shares.set([1, 0.4]);
  view.weights.set([10, 5]);
  return view;
}
const EVERYBODY = { accounts: 3, total: 10 };

test('densities: the others, over the share of space; the account itself is left out', () => {
  const out = new Float64Array(X - 1);
  densities(byHand(), EVERYBODY, out);
  // Of /0 the other two accounts have all, of the /8 (3 · .4 − .5) / 2 = .35; the spaces are 1/2 and 2^-9.
  for (const [x, value] of [1, 1 / 0.5, 0.35 * 512].entries()) close(out[x], value, `term ${x}`);
  assert.ok(out.subarray(3).every((density) => density === 0));
});

test('ratios by hand: q, t, an attacker, and the account against the others', () => {
  const background = new Float64Array(X - 1);
  background.set([0.5, 0.3, 0.2]);
  const out = new Float64Array(X);
  const placeRatio = experts(byHand(), EVERYBODY, background, out);
  const q = 0.5 + 0.3 * 2 + 0.2 * 0.35 * 512;
  // Of the other 6 places all are in /0 and 3 in the /8.
  const t = 0.5 + 0.3 * 2 + 0.2 * 0.5 * 512;
  const a = 0.45 * q + 0.45 * t + 0.1;
  close(out[0], 1 / a);
  close(out[1], q / a);
  close(out[2], ((4 / 4 / (0.85 * 1 + 0.15 * 0.5)) * q) / a);
  close(out[3], ((2 / 4 / (0.85 * 0.35 + 0.15 / 512)) * q) / a);
  assert.ok(out.subarray(4).every((ratio) => ratio === 0));
  assert.equal(placeRatio, 0);
});

test('a place that the account has used: its share against the others there', () => {
  const view = byHand();
  view.own.fill(1, 2);
  view.counted.fill(1, 2);
  view.shares.fill(1 / 12, 2);
  const background = new Float64Array(X - 1).fill(1 / (X - 1));
  // Nobody else is there: (3 · 1/12 − 1/4) / 2 = 0.
  close(experts(view, EVERYBODY, background, new Float64Array(X)), 0.25 / (0.15 * 2 ** -33));
});

test("with provider tables one attacker in ten comes by the account's own group of each", () => {
  // The same account with two tables: 3 of its 4 places at the address's provider, all in its country.
  const view: LadderView = { ...byHand() };
  const widened = (values: Float64Array, more: number[]) => Float64Array.of(...values, ...more);
  view.own = widened(view.own, [3, 4]);
  view.counted = widened(view.counted, [3, 4]);
  view.shares = widened(view.shares, [0.5, 0.6]);
  view.weights = widened(view.weights, [6, 8]);
  view.space = widened(view.space, [0.01, 0.1]);
  const background = new Float64Array(X + 1);
  background.set([0.5, 0.3, 0.2]);
  view.own[PLACE_RUNG] = view.counted[PLACE_RUNG] = 1;
  view.shares[PLACE_RUNG] = 1 / 12;
  const out = new Float64Array(X + 2);
  const placeRatio = experts(view, EVERYBODY, background, out);
  // The other two accounts: (3 · .5 − 3/4) / 2 and (3 · .6 − 1) / 2.
  const provider = 3 / 4 / (0.85 * 0.375 + 0.15 * 0.01);
  const country = 1 / (0.85 * 0.4 + 0.15 * 0.1);
  const near = 1 + 0.1 * (provider - 1) + 0.1 * (country - 1);
  const q = 0.5 + 0.3 * 2 + 0.2 * 0.35 * 512;
  const t = 0.5 + 0.3 * 2 + 0.2 * 0.5 * 512;
  const a = near * (0.45 * q + 0.45 * t + 0.1);
  close(out[0], 1 / a);
  close(out[1], q / a);
  close(out[X], (provider * q) / a);
  close(out[X + 1], (country * q) / a);
  close(placeRatio, 0.25 / (0.15 * 2 ** -33) / near);
  // A stranger has no provider of its own.
  view.total = view.countedTotal = view.places = 0;
  for (const values of [view.own, view.counted]) values.fill(0);
  experts(view, EVERYBODY, background, out);
  const all = 0.5 + 0.3 * 2 + 0.2 * 0.4 * 512;
  const traffic = 0.5 + 0.3 * 2 + 0.2 * 0.5 * 512;
  close(out[0], 1 / (0.45 * all + 0.45 * traffic + 0.1));
});

test('ln L is the sum of weighted ratios, with the share of repeats where the account has places', () => {
  const weights = { repeatShare: 0.25 } as MixtureWeights;
  const lambda = Float64Array.of(0.5, 0.5);
  const ratios = Float64Array.of(2, 6);
  assert.equal(logRatio(weights, 1, lambda, ratios, 0), Math.log(0.75 * 4));
  assert.equal(logRatio(weights, 1, lambda, ratios, 100), Math.log(0.75 * 4 + 25));
  assert.equal(logRatio(weights, 0, lambda, ratios, 0), Math.log(4));
});

test('an account goes by its own weights, else by those of its bucket; a stranger by where everybody goes', () => {
  const buckets = BUCKETS.map((_, b) => new Float64Array(X).fill(b));
  const mine = new Float64Array(X);
  mine[3] = 1;
  const weights = {
    buckets,
    accounts: AccountWeights.of(new Map([[7, mine]]), X),
  } as unknown as MixtureWeights;
  const scratch = new Float64Array(X);
  assert.equal(weightsOf(weights, 2, 11, scratch), buckets[2]);
  assert.deepEqual([...weightsOf(weights, 7, 11, scratch)], [...mine]);
  assert.deepEqual(
    [...weightsOf(weights, -1, 0, scratch)],
    Array.from({ length: X }, (_, x) => (x === 1 ? 1 : 0)),
  );
});

const word = fc.oneof(
  fc.nat(20).map((host) => 0x0a000000 + host),
  fc.tuple(fc.nat(3), fc.nat(3)).map(([net, host]) => 0x0a000000 + net * 4096 + host),
  fc.nat(0xffffffff).map((value) => value >>> 0),
);
const someAddress = fc.oneof(
  { weight: 3, arbitrary: word.map(formatIpv4) },
  { weight: 1, arbitrary: fc.nat(9).map((link) => `2001:db8:0:${link}::1`) },
);
const someEvents = fc.array(
  fc.record({
    entity: fc.nat(4).map((e) => `u${e}`),
    address: someAddress,
    time: fc.nat(30).map((day) => day * 86_400),
  }),
  { maxLength: 30 },
);
/** Weights above 0 that sum to 1. */
const someWeights = (count: number) =>
  fc
    .array(fc.double({ min: 1e-6, max: 1, noNaN: true }), { minLength: count, maxLength: count })
    .map((values) => {
      const sum = values.reduce((total, value) => total + value, 0);
      return Float64Array.from(values, (value) => value / sum);
    });

/** ln L and the ratios of an event by fixed weights. */
function judge(
  history: History,
  entity: number,
  address: string,
  background: Float64Array,
  lambda: Float64Array,
) {
  const view = history.view();
  const ratios = new Float64Array(X);
  history.look(entity, parseAddress(address)!, 0, view);
  const placeRatio = experts(view, history.population, background, ratios);
  const weights = { background, repeatShare: 0.3, buckets: BUCKETS.map(() => lambda), accounts: NO_ACCOUNTS };
  const used = weightsOf(weights, entity, view.places, new Float64Array(X));
  return { logRatio: logRatio(weights, view.places, used, ratios, placeRatio), ratios, placeRatio, view };
}

test('ln L is finite, whatever the account, the address and the weights', () => {
  fc.assert(
    fc.property(
      someEvents,
      fc.integer({ min: -1, max: 4 }),
      someAddress,
      someWeights(X - 1),
      someWeights(X),
      fc.constantFrom(undefined, 0.5, 10),
      (list, entity, address, background, lambda, halfLife) => {
        const { logRatio: value, ratios } = judge(
          historyOf(list, halfLife),
          entity,
          address,
          background,
          lambda,
        );
        assert.ok(Number.isFinite(value), `${value}`);
        assert.ok(ratios.every((ratio) => Number.isFinite(ratio) && ratio >= 0));
      },
    ),
  );
});

test('one more own place in the narrowest network that an account has used around an address never makes the address stranger', () => {
  fc.assert(
    fc.property(
      someEvents,
      fc.nat(4),
      someAddress,
      word,
      someWeights(X - 1),
      someWeights(X),
      fc.constantFrom(undefined, 10),
      (list, entity, address, noise, background, lambda, halfLife) => {
        const before = judge(historyOf(list, halfLife), entity, address, background, lambda);
        const { view } = before;
        fc.pre(view.ipv4 && view.places > 0 && view.own[0] > 0 && view.own[PLACE_RUNG] === 0);
        // Within that network, the bits below drawn anew.
        const bits = IPV4_SPACE.map((share) => -Math.log2(share * 2))[
          view.own.findLastIndex((weight) => weight > 0)
        ];
        const rest = 2 ** (32 - bits);
        const [, , , wanted] = parseAddress(address)!;
        const added = formatIpv4(Math.floor(wanted / rest) * rest + (noise % rest));
        const more = [...list, { entity: `u${entity}`, address: added, time: 30 * 86_400 }];
        const after = judge(historyOf(more, halfLife), entity, address, background, lambda);
        assert.ok(after.logRatio >= before.logRatio - 1e-9, `${before.logRatio} → ${after.logRatio}`);
      },
    ),
    { numRuns: 200 },
  );
});

test('a place in a wider network can make an address stranger, as the narrow one then has less of the account', () => {
  const list = [
    { entity: 'u0', address: '10.0.0.1' },
    { entity: 'u1', address: '99.0.0.1' },
  ];
  const background = new Float64Array(X - 1).fill(1 / (X - 1));
  const lambda = new Float64Array(X);
  lambda[12] = 1; // /28 alone
  const before = judge(historyOf(list), 0, '10.0.0.2', background, lambda).logRatio;
  const more = [...list, { entity: 'u0', address: '10.0.0.200' }];
  const after = judge(historyOf(more), 0, '10.0.0.2', background, lambda).logRatio;
  close(before - after, Math.log(2));
});

test("what an account observes is its own: the others' part in its ratios stays as it was, with a half-life too", () => {
  fc.assert(
    fc.property(
      someEvents,
      someEvents,
      someAddress,
      someWeights(X - 1),
      fc.constantFrom(undefined, 3),
      (list, observed, address, background, halfLife) => {
        const history = historyOf(list, halfLife);
        const lambda = new Float64Array(X).fill(1 / X);
        for (let e = 0; e < 6; e++) {
          const before = judge(history, e, address, background, lambda);
          // Repeats among them.
          const own = list
            .filter(({ entity }) => entity === `u${e}`)
            .map((event) => ({ ...event, time: 30 * 86_400 }));
          for (const { address: place, time } of [...observed, ...own]) {
            history.observe(e, parseAddress(place)!, 0, time);
          }
          const after = judge(history, e, address, background, lambda);
          assert.deepEqual(after.view.counted, before.view.counted);
          assert.equal(after.view.countedTotal, before.view.countedTotal);
          assert.deepEqual(after.ratios.subarray(0, 2), before.ratios.subarray(0, 2));
        }
      },
    ),
    { numRuns: 60 },
  );
});
