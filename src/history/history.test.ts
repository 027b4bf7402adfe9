/** The ladder against a naive model: a list of events, and networks compared bit by bit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4, isIpv4, parseAddress } from '../addresses/address.ts';
import { groupTableOf } from '../addresses/buildGroupTable.ts';
import type { GroupTable } from '../addresses/groupTable.ts';
import { readRangeLines } from '../addresses/rangeLines.ts';
import { specialBlockOf } from '../addresses/specialPurpose.ts';
import { type AccessEvent, collectEvents } from '../index.ts';
import { AccountPlaces, dayOf } from './accountPlaces.ts';
import { Decay } from './decay.ts';
import { History } from './history.ts';
import { PLACE_RUNG, RUNGS, rungsOf } from './rungs.ts';

const DAY = 86_400;

function tableOf(text: string): GroupTable {
  return groupTableOf('asn', [readRangeLines(new TextEncoder().encode(text), 'list.csv', 'asn')]).table;
}

const TABLE = tableOf(
  [
    '10.0.0.0,10.0.0.7,7',
    '10.0.0.8,10.0.255.255,8',
    '128.0.0.0,255.255.255.255,9',
    '2001:db8::,2001:db8:0:3:ffff:ffff:ffff:ffff,7',
    '2001:db8:0:4::,2001:db8:0:8:ffff:ffff:ffff:ffff,9',
    '',
  ].join('\n'),
);
const OTHER_TABLE = tableOf('0.0.0.0,127.255.255.255,1\n128.0.0.0,255.255.255.255,2\n');

/** The place of an address: its family, and its 32 or 64 bits. */
function placeOf(address: string): { ipv4: boolean; bits: bigint } {
  const words = parseAddress(address)!;
  const ipv4 = isIpv4(words);
  return { ipv4, bits: ipv4 ? BigInt(words[3]) : (BigInt(words[0]) << 32n) | BigInt(words[1]) };
}

/** What the naive model holds of one place of an account. */
interface NaivePlace {
  ipv4: boolean;
  bits: bigint;
  groups: number[];
  events: number;
  day: number;
}

/** Each account's places, looked for in a list. */
class Naive {
  readonly accounts: NaivePlace[][];
  readonly #tables: GroupTable[];
  readonly #halfLife: number | undefined;
  readonly referenceDay: number;

  constructor(list: AccessEvent[], accounts: number, tables: GroupTable[], halfLife: number | undefined) {
    this.accounts = Array.from({ length: accounts }, () => []);
    this.#tables = tables;
    this.#halfLife = halfLife;
    for (const event of list) this.add(event);
    this.referenceDay = Math.max(0, ...this.accounts.flat().map(({ day }) => day));
  }

  add({ entity, address, time }: AccessEvent): void {
    const { ipv4, bits } = placeOf(address);
    const mine = this.accounts[Number(entity.slice(1))];
    const day = dayOf(time ?? Number.NaN);
    const known = mine.find((place) => place.ipv4 === ipv4 && place.bits === bits);
    if (known) {
      known.events++;
      known.day = Math.max(known.day, day);
      return;
    }
    const groups = this.#tables.map((table) => table.find(parseAddress(address)!));
    mine.push({ ipv4, bits, groups, events: 1, day });
  }

  weight(place: NaivePlace): number {
    if (this.#halfLife === undefined || place.day === 0) return 1;
    return 0.5 ** (Math.max(0, this.referenceDay - place.day) / this.#halfLife);
  }

  total(account: NaivePlace[]): number {
    return account.reduce((sum, place) => sum + this.weight(place), 0);
  }

  /** The account's places in a rung's network. */
  inside(account: NaivePlace[], address: string, rung: number): NaivePlace[] {
    const { ipv4, bits } = placeOf(address);
    if (rung >= RUNGS) {
      const table = rung - RUNGS;
      const group = this.#tables[table].find(parseAddress(address)!);
      return account.filter(({ groups }) => group !== 0 && groups[table] === group);
    }
    const rungs = rungsOf(ipv4);
    const rest = BigInt(rungs[RUNGS - 1] - rungs[rung]);
    return account.filter((place) => place.ipv4 === ipv4 && place.bits >> rest === bits >> rest);
  }
}

const someEvent = fc.record({
  entity: fc.nat(4).map((e) => `u${e}`),
  address: fc.oneof(
    fc.nat(12).map((host) => `10.0.0.${host}`),
    fc.tuple(fc.nat(3), fc.nat(3)).map(([net, host]) => `10.${net * 60}.${host * 80}.1`),
    fc.nat(0xffffffff).map((word) => formatIpv4(word >>> 0)),
    fc.constantFrom('0.0.0.0', '255.255.255.255', '::', 'ffff:ffff:ffff:ffff::'),
    fc.nat(9).map((link) => `2001:db8:0:${link}::${link}`),
    fc.nat(3).map((site) => `2001:db8:${site}::`),
  ),
  time: fc.oneof(
    fc.constant(Number.NaN),
    fc.nat(20).map((day) => day * DAY + 5),
  ),
});

const someCase = fc.record({
  list: fc.array(someEvent, { maxLength: 40 }),
  observed: fc.array(someEvent, { maxLength: 15 }),
  asked: fc.array(someEvent, { minLength: 1, maxLength: 10 }),
  tables: fc.constantFrom<GroupTable[]>([], [TABLE], [TABLE, OTHER_TABLE]),
  halfLife: fc.constantFrom(undefined, 3, 30),
});
type Case = typeof someCase extends fc.Arbitrary<infer T> ? T : never;

const ACCOUNTS = 5;

function build({ list, tables, halfLife }: Case): { history: History; naive: Naive } {
  const events = collectEvents(list);
  const numbers = Uint32Array.from({ length: events.entities.count }, (_, e) =>
    Number(events.entities.name(e).slice(1)),
  );
  const naive = new Naive(list, ACCOUNTS, tables, halfLife);
  const places = AccountPlaces.of(events, ACCOUNTS, numbers);
  return { history: new History(places, tables, new Decay(halfLife, naive.referenceDay)), naive };
}

/** Sums of at most 55 weights of at most 1, as differences of sums over 5 accounts of as many: each addition rounds by 2^-53. */
const ROUNDING = 5 * 55 * 2 * 2 ** -53 * 5;

const assertClose = (actual: number, expected: number, what: string) =>
  assert.ok(
    Math.abs(actual - expected) <= ROUNDING * Math.max(1, expected),
    `${what}: ${actual}, not ${expected}`,
  );

function checkOwn(history: History, naive: Naive, asked: AccessEvent[]): void {
  const view = history.view();
  for (const { entity, address } of asked) {
    const e = Number(entity.slice(1));
    const mine = naive.accounts[e];
    history.look(e, parseAddress(address)!, 0, view);
    assert.equal(view.places, mine.length);
    assertClose(view.total, naive.total(mine), 'total');
    for (let k = 0; k < history.rungs; k++) {
      const inside = naive.inside(mine, address, k);
      assertClose(view.own[k], naive.total(inside), `own, rung ${k} around ${address}`);
      if (k >= RUNGS) continue;
      assert.deepEqual(history.eventsIn(k), {
        events: inside.reduce((sum, { events }) => sum + events, 0),
        lastDay: Math.max(0, ...inside.map(({ day }) => day)),
      });
    }
    assert.equal(history.placesOf(e), mine.length);
    assert.equal(
      history.hasPlace(e, parseAddress(address)!, 0),
      naive.inside(mine, address, PLACE_RUNG).length > 0,
    );
    assert.equal(
      history.eventsOf(e),
      mine.reduce((sum, { events }) => sum + events, 0),
    );
  }
}

function checkEverybody(history: History, naive: Naive, asked: AccessEvent[]): void {
  const view = history.view();
  const accounts = naive.accounts.filter((account) => account.length > 0);
  assert.equal(history.population.accounts, accounts.length);
  assertClose(history.population.total, naive.total(accounts.flat()), 'weight of all places');
  for (const { address } of asked) {
    history.look(-1, parseAddress(address)!, 0, view);
    assert.deepEqual([view.places, view.total, view.own.some((weight) => weight > 0)], [0, 0, false]);
    for (let k = 0; k < history.rungs; k++) {
      const shares = accounts.map(
        (account) => naive.total(naive.inside(account, address, k)) / naive.total(account),
      );
      const mean = shares.reduce((sum, share) => sum + share, 0) / Math.max(1, accounts.length);
      assertClose(view.shares[k], mean, `share, rung ${k} around ${address}`);
      assertClose(
        view.weights[k],
        naive.total(naive.inside(accounts.flat(), address, k)),
        `weight, rung ${k}`,
      );
    }
    assert.equal(
      history.accountsAt(parseAddress(address)!, 0),
      accounts.filter((account) => naive.inside(account, address, PLACE_RUNG).length > 0).length,
    );
  }
}

test("an account's own part of each rung is what a list of its places says, for both families, tables and half-lives", () => {
  fc.assert(
    fc.property(someCase, (some) => {
      const { history, naive } = build(some);
      checkOwn(history, naive, [...some.asked, ...some.list]);
    }),
  );
});

test("everybody's part of each rung is a sum over the list of accounts", () => {
  fc.assert(
    fc.property(someCase, (some) => {
      const { history, naive } = build(some);
      checkEverybody(history, naive, [...some.asked, ...some.list]);
    }),
  );
});

test('what is observed counts for its own account as if it had been there, and not for everybody', () => {
  fc.assert(
    fc.property(someCase, (some) => {
      const { history, naive } = build(some);
      const before = build(some).naive;
      for (const event of some.observed) {
        const { entity, address, time } = event;
        history.observe(Number(entity.slice(1)), parseAddress(address)!, 0, time!);
        naive.add(event);
      }
      checkOwn(history, naive, [...some.asked, ...some.list, ...some.observed]);
      checkEverybody(history, before, [...some.asked, ...some.observed]);
    }),
  );
});

test('the share of a network in the address space: each family counts half, IPv6 chooses from 2000::/3', () => {
  const { history } = build({ list: [], observed: [], asked: [], tables: [TABLE], halfLife: undefined });
  const view = history.view();
  const spaceOf = (address: string) => {
    history.look(-1, parseAddress(address)!, 0, view);
    return [...view.space];
  };
  const ipv4 = [0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 28, 32].map((bits) => 0.5 / 2 ** bits);
  const ipv6 = [0, 13, 17, 21, 25, 29, 33, 37, 45, 53, 57, 61].map((bits) => 0.5 / 2 ** bits);
  // The group of 10.0.0.1 has 8 of the 2^16 + 2^31 announced addresses, and 4 of 9 announced /64.
  assert.deepEqual(spaceOf('10.0.0.1'), [...ipv4, 8 / (2 ** 16 + 2 ** 31) / 2 + 4 / 9 / 2]);
  assert.deepEqual(spaceOf('2001:db8::1'), [...ipv6, 8 / (2 ** 16 + 2 ** 31) / 2 + 4 / 9 / 2]);
  assert.deepEqual(spaceOf('11.0.0.1'), [...ipv4, 0]);
});

test('an address in no range of a table is no evidence, whoever else is in none', () => {
  const list = [
    { entity: 'u0', address: '11.0.0.1', time: 0 },
    { entity: 'u1', address: '12.0.0.1', time: 0 },
  ];
  const { history } = build({ list, observed: [], asked: [], tables: [TABLE], halfLife: undefined });
  const view = history.view();
  history.look(0, parseAddress('11.0.0.2')!, 0, view);
  assert.deepEqual(
    [view.own[RUNGS], view.shares[RUNGS], view.weights[RUNGS], view.space[RUNGS]],
    [0, 0, 0, 0],
  );
});

test('an account has places within a special block where some place of its shares the prefix', () => {
  const list = ['10.1.2.3', '192.168.0.1', 'fe80::1', '8.8.8.8', '255.255.255.255'].map((address, e) => ({
    entity: `u${e}`,
    address,
    time: 0,
  }));
  const { history } = build({ list, observed: [], asked: [], tables: [], halfLife: undefined });
  const view = history.view();
  const within = (account: number, address: string) => {
    history.look(account, parseAddress(address)!, 0, view);
    const block = specialBlockOf(parseAddress(address)!)!;
    return history.hasWithin(block.words, block.bits);
  };
  assert.deepEqual(
    ['10.255.0.0', '172.16.0.1', 'fe80:1::', '0.0.0.0', '240.0.0.0'].map((address) =>
      [0, 1, 2, 3, 4].filter((e) => within(e, address)),
    ),
    [[0], [], [2], [], [4]],
  );
  assert.equal(within(-1, '10.0.0.0'), false);
});

test('events of an entity that nobody knows are none', () => {
  const { history } = build({ list: [], observed: [], asked: [], tables: [], halfLife: undefined });
  assert.deepEqual(
    [-1, 0, 5, 1e9].map((e) => history.eventsOf(e)),
    [0, 0, 0, 0],
  );
  assert.deepEqual(
    [-1, 7].map((e) => history.placesOf(e)),
    [0, 0],
  );
});
