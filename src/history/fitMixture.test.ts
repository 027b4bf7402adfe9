import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4 } from '../addresses/address.ts';
import { type AccessEvent, collectEvents, type Events } from '../index.ts';
import { alone } from '../mpi/ranks.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { AccountPlaces } from './accountPlaces.ts';
import { AccountShards } from './accountShards.ts';
import { AccountWeights } from './accountWeights.ts';
import { fitWeights } from './expectation.ts';
import { type FittedMixture, fitMixture } from './fitMixture.ts';
import { History } from './history.ts';
import { expertCount, experts, type MixtureWeights } from './mixture.ts';
import { RUNGS } from './rungs.ts';

const X = expertCount(RUNGS);

/** Entities numbered as in one dictionary. */
function parts(early: AccessEvent[], later: AccessEvent[]): { history: History; later: Events } {
  const before = collectEvents(early);
  const after = collectEvents(later, before.entities);
  const count = before.entities.count;
  const numbers = Uint32Array.from({ length: count }, (_, e) => e);
  return { history: new History(AccountPlaces.of(before, count, numbers)), later: after };
}

function fit({ history, later }: { history: History; later: Events }): FittedMixture {
  return fitMixture(history, { events: later, entity: Int32Array.from(later.entity) });
}

/** 60 accounts: every tenth always signs in from anywhere, each of the others from a /16 of its own. */
function simulated(seed: number): { early: AccessEvent[]; later: AccessEvent[] } {
  const random = new RandomStream(seed, PURPOSE.simulation);
  const draw = (account: number, count: number): AccessEvent[] =>
    Array.from({ length: count }, () => {
      const travels = account % 10 === 0;
      const word = travels ? random.u32() : ((60 + account) << 24) + (1 << 16) + random.below(65_536);
      return { entity: `user_${account}`, address: formatIpv4(word >>> 0) };
    });
  const accounts = [...Array(60).keys()];
  return { early: accounts.flatMap((e) => draw(e, 20)), later: accounts.flatMap((e) => draw(e, 10)) };
}

const { early, later } = simulated(1);
const simulation = parts(early, later);
const fitted = fit(simulation);

const sumOf = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);
const lambdaOf = ({ accounts }: MixtureWeights, name: string, out = new Float64Array(X)) =>
  accounts.read(simulation.later.entities.find(name), out) ? out : undefined;

test('all weights sum to 1, and no expert of the background or a bucket is ruled out', () => {
  const { background, buckets } = fitted.weights;
  for (const weights of [background, ...buckets]) {
    assert.ok(Math.abs(sumOf(weights) - 1) < X * Number.EPSILON);
    assert.ok(weights.every((weight) => weight > 0));
  }
  assert.deepEqual([background.length, buckets.length, buckets[0].length], [X - 1, 5, X]);
});

test('the same events give the same mixture, bit for bit', () => {
  const again = fit(parts(early, later));
  assert.deepEqual(again.weights.background, fitted.weights.background);
  assert.deepEqual(again.weights.buckets, fitted.weights.buckets);
  for (const weights of ['weights', 'weightsOfBuckets'] as const) {
    assert.deepEqual(again[weights].accounts.codes, fitted[weights].accounts.codes);
    assert.deepEqual(again[weights].accounts.entities, fitted[weights].accounts.entities);
  }
  assert.deepEqual(again.half, fitted.half);
});

test('sums by shards fit what plain sums do, but for rounding', () => {
  const { history, later: events } = simulation;
  const ofAccount = Uint16Array.from({ length: 60 }, (_, e) => (e * 7) % 11);
  const byShard = fitMixture(
    history,
    { events, entity: Int32Array.from(events.entity) },
    new AccountShards(alone('localhost'), 13, ofAccount, new Uint32Array(0)),
  );
  // 60 steps at most, in each of which two orders of 600 additions are off by 600 ε of what is positive.
  const bound = 60 * 600 * Number.EPSILON;
  const pairs = [
    [byShard.weights.background, fitted.weights.background],
    ...byShard.weights.buckets.map((lambda, b) => [lambda, fitted.weights.buckets[b]]),
    [[byShard.weights.repeatShare], [fitted.weights.repeatShare]],
  ];
  for (const [mine, theirs] of pairs) {
    for (const [x, value] of mine.entries())
      assert.ok(Math.abs(value - theirs[x]) < bound, `${value}, ${theirs[x]}`);
  }
  assert.deepEqual(
    [byShard.fresh, byShard.half, byShard.fittedOn],
    [fitted.fresh, fitted.half, fitted.fittedOn],
  );
});

test('accounts that always travel get more of "anywhere" and "everybody" than any that never does', () => {
  const elsewhere = (account: number) => {
    const lambda = lambdaOf(fitted.weights, `user_${account}`)!;
    return lambda[0] + lambda[1];
  };
  const accounts = [...Array(60).keys()];
  const travellers = accounts.filter((e) => e % 10 === 0).map(elsewhere);
  const others = accounts.filter((e) => e % 10 !== 0).map(elsewhere);
  assert.ok(
    Math.min(...travellers) > Math.max(...others),
    `${Math.min(...travellers)}, ${Math.max(...others)}`,
  );
});

test('the history of those who stay at home is told apart from an attacker by their own networks', () => {
  const lambda = lambdaOf(fitted.weights, 'user_1')!;
  const own = sumOf(lambda.subarray(2));
  assert.ok(own > 0.5, `${own}`);
});

test('later events are counted: all of accounts with a history, and those from new places', () => {
  assert.equal(fitted.fittedOn.events, 600);
  const { history } = simulation;
  let fresh = 0;
  for (let i = 0; i < 600; i++) {
    if (!history.hasPlace(simulation.later.entity[i], simulation.later.addresses, i)) fresh++;
  }
  assert.equal(fitted.fittedOn.newPlaces, fresh);
});

test("an account's new places go to the two halves in turn, with all their events; repeats and strangers to none", () => {
  const few = parts(
    [
      { entity: 'a', address: '1.1.1.1' },
      { entity: 'b', address: '2.2.2.2' },
    ],
    [
      { entity: 'a', address: '1.1.1.2' },
      { entity: 'a', address: '1.1.1.1' },
      { entity: 'b', address: '2.2.2.3' },
      { entity: 'a', address: '1.1.1.3' },
      { entity: 'stranger', address: '1.1.1.3' },
      { entity: 'a', address: '9.1.1.3' },
      { entity: 'a', address: '1.1.1.3' },
    ],
  );
  const { fresh, half, fittedOn, weights } = fit(few);
  assert.deepEqual([...fresh], [0, 2, 3, 5]);
  // The last event is from where event 3 was, which had not been used before: it goes with that one.
  assert.deepEqual([...half], [0, 2, 0, 1, 2, 0, 1]);
  assert.deepEqual(fittedOn, { events: 6, newPlaces: 5 });
  // ρ: a repeats 1 of 5, b none of 1.
  assert.equal(weights.repeatShare, (1 - 4 / 5) / 2);
});

test('how often somebody comes from a new place changes no weight', () => {
  const moved = later.slice(0, 3);
  const often = fit(parts(early, [...later, ...moved, ...moved, ...moved]));
  assert.deepEqual(often.weights.background, fitted.weights.background);
  assert.deepEqual(often.weights.buckets, fitted.weights.buckets);
  assert.deepEqual(often.weights.accounts.codes, fitted.weights.accounts.codes);
  assert.equal(often.fittedOn.newPlaces, fitted.fittedOn.newPlaces + 9);
});

test('each half has learned from its own events alone: an account by its bucket and them', () => {
  const { history, later: events } = simulation;
  const view = history.view();
  const { background, buckets } = fitted.weights;
  for (const [h, { accounts }] of fitted.halves.entries()) {
    for (const name of ['user_0', 'user_1', 'user_17']) {
      const e = events.entities.find(name);
      const rows = [...fitted.half.keys()].filter((i) => events.entity[i] === e && fitted.half[i] === h);
      const ratios = new Float64Array(rows.length * X);
      for (const [r, i] of rows.entries()) {
        history.look(e, events.addresses, i, view);
        experts(view, history.population, background, ratios.subarray(r * X, (r + 1) * X));
      }
      // 20 places, or a few fewer: the bucket of 11 to 30. Five pseudo-events.
      const base = buckets[2];
      const expected = fitWeights(
        { count: rows.length, experts: X, ratios },
        [...rows.keys()],
        new Float64Array(rows.length).fill(1),
        base,
        base.map((lambda) => lambda * 5),
      );
      const stored = AccountWeights.of(new Map([[e, expected]]), X);
      const [mine, theirs] = [new Float64Array(X), new Float64Array(X)];
      assert.ok(accounts.read(e, mine) && stored.read(e, theirs));
      assert.deepEqual(mine, theirs, `${name}, half ${h}`);
    }
  }
});

test('an account with one new place has weights of its own in one half only, and none where nothing was fitted', () => {
  const one = fit(parts([{ entity: 'a', address: '1.1.1.1' }], [{ entity: 'a', address: '1.1.1.2' }]));
  const owners = (weights: MixtureWeights) => [...weights.accounts.entities];
  assert.deepEqual(one.halves.map(owners), [[0], []]);
  assert.deepEqual(owners(one.weights), [0]);
  assert.deepEqual(owners(one.weightsOfBuckets), []);
});

test('of one account a thousand new places are looked at, evenly spread', () => {
  const many = Array.from({ length: 2500 }, (_, i) => ({
    entity: 'a',
    address: formatIpv4(0x01010000 + i),
  }));
  const { half, fittedOn } = fit(parts([{ entity: 'a', address: '1.1.255.1' }], many));
  const chosen = [...half.keys()].filter((i) => half[i] !== 2);
  assert.deepEqual(
    chosen,
    Array.from({ length: 1000 }, (_, i) => Math.floor(i * 2.5)),
  );
  assert.equal(fittedOn.newPlaces, 2500);
});

test('without later events the prior holds: every expert alike, and half of the events repeats', () => {
  const { weights, fittedOn } = fit(parts([{ entity: 'a', address: '1.1.1.1' }], []));
  const isUniform = (values: Float64Array) =>
    values.every((value) => Math.abs(value - 1 / values.length) < Number.EPSILON);
  assert.ok([weights.background, ...weights.buckets].every(isUniform));
  assert.equal(weights.repeatShare, 0.5);
  assert.deepEqual(fittedOn, { events: 0, newPlaces: 0 });
});

test('the share of repeats stays between 1 and 99 %: neither a repeat nor a new place is impossible', () => {
  const home = { entity: 'a', address: '1.1.1.1' };
  assert.equal(fit(parts([home], [home])).weights.repeatShare, 0.99);
  assert.equal(fit(parts([home], [{ entity: 'a', address: '1.1.1.2' }])).weights.repeatShare, 0.01);
});
