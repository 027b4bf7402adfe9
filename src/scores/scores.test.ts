import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '../addresses/address.ts';
import { GroupTable } from '../addresses/groupTable.ts';
import { type EventConditions, EventFinder, parseNetwork } from './eventFilter.ts';
import { EventIndex, type EventOrder } from './eventIndex.ts';
import { orderOf } from './orderOf.ts';
import { Predictions } from './predictions.ts';
import { ScoreLinesReader } from './readScores.ts';
import { RecentEvents } from './recentEvents.ts';
import { ScoredEvents, type ScoredFigures, VERDICTS } from './scoredEvents.ts';
import { timelineOf } from './timeline.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

function ended<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value as T;
  }
}

/** Reads lines that come in chunks of so many bytes. */
function read(text: string | Uint8Array, chunkBytes = 1 << 20) {
  const events: object[] = [];
  const bad: string[] = [];
  const reader = new ScoreLinesReader({
    event: (name, words, time, figures) =>
      events.push({
        entity: new TextDecoder('utf-8', { ignoreBOM: true }).decode(name),
        address: formatAddress(words),
        time,
        ...(figures ?? { isUnscored: true }),
      }),
    bad: (place, sentence) => bad.push(`${place}: ${sentence}`),
  });
  const all = typeof text === 'string' ? bytes(text) : text;
  for (let at = 0; at < all.length; at += chunkBytes) reader.push(all.subarray(at, at + chunkBytes));
  reader.finish();
  return { events, bad };
}

const NAMES = [
  'ann',
  'a"b\\c',
  '<script>alert(1)</script>',
  'שלום',
  '\u0000\u202e\t',
  'x'.repeat(10_000),
  '= 1+1',
  '{',
];
const NUMBERS = [
  0,
  -0.5,
  3.3505959510803223,
  -8.86384352,
  1e-7,
  -1.5e-12,
  1e21,
  123456789012345680,
  0.1 + 0.2,
];
const lines = NAMES.flatMap((entity, n) =>
  NUMBERS.map((number, i) => ({
    entity,
    address: i % 2 === 0 ? `9.1.${n}.${i}` : `2001:db8::${n + 1}:${i}`,
    dot_product: number,
    anomaly: 0.5 - number,
    p_value: i % 3 === 0 ? null : 0.0001234,
    verdict: VERDICTS[i % 3],
    reasons: i % 4 === 0 ? [] : [{ code: 'x', sentence: `It says "],\\"time\\":5}" of ${entity}.` }],
    ...(i % 2 === 1 && { time: 1541548800 + i / 4 }),
  })),
);

test('lines of score are read as JSON reads them, wherever chunks end', () => {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const expected = lines.map((line) => ({
    entity: line.entity,
    address: line.address,
    time: line.time ?? Number.NaN,
    dotProduct: line.dot_product,
    anomaly: line.anomaly,
    pValue: line.p_value,
    verdict: line.verdict,
  }));
  for (const chunkBytes of [7, 1000, 1 << 20]) {
    const { events, bad } = read(text, chunkBytes);
    assert.deepEqual(bad, []);
    assert.deepEqual(events, expected);
  }
  // Other orders of keys, blanks, CRLF, no line end.
  const others = `\ufeff${lines.map((line) => JSON.stringify(line, Object.keys(line).reverse(), 1).replaceAll('\n', ' ')).join('\r\n')}`;
  assert.deepEqual(read(others, 999).events, expected);
});

test('a line without figures is an event to be scored; its time may be ISO 8601', () => {
  assert.deepEqual(read('{"entity":"ann","address":"9.1.2.3","time":"2018-11-07T00:00:00Z"}').events, [
    { entity: 'ann', address: '9.1.2.3', time: 1541548800, isUnscored: true },
  ]);
});

test('damaged lines are told with their place, and cost no other line', () => {
  const good = JSON.stringify(lines[0]);
  const text = [
    good.slice(0, 40),
    good.replace('9.1.0.0', '9.1.0.256'),
    good.replace('"entity":"ann"', '"entity":""'),
    good.replace('}', ',"time":"soon"}'),
    '',
    '[1]',
    `{"entity":"${'x'.repeat(1 << 20)}"}`,
    good,
  ].join('\n');
  const { events, bad } = read(text, 100_000);
  assert.equal(events.length, 1);
  assert.deepEqual(bad, [
    'line 1: expected a JSON object of "score", got a damaged one.',
    'line 2: expected an IP address, got "9.1.0.256": octet 4 is above 255.',
    'line 3: expected an entity, got none.',
    'line 4: expected seconds since 1970 or ISO 8601 as time, got "soon".',
    'line 6: expected a JSON object of "score", got another value.',
    'line 7: expected a line of at most 1 MiB, got a longer one.',
  ]);
  const latin = Buffer.from(good.replace('ann', 'Ren\u00e9'), 'latin1');
  assert.match(read(latin).bad[0], /^line 1: expected a JSON object/);
});

test('orders are those of a comparison, with NaN last and equal ones in their order', () => {
  const values = Float64Array.from(
    { length: 5000 },
    (_, i) => [Number.NaN, -0, 1e300, -1e-300, Number.POSITIVE_INFINITY, i % 97, -i / 3, i * 1e9][i % 8],
  );
  const expected = Array.from(values.keys()).sort((a, b) => {
    if (Number.isNaN(values[a]) || Number.isNaN(values[b]))
      return Number(Number.isNaN(values[a])) - Number(Number.isNaN(values[b])) || a - b;
    return (
      values[b] - values[a] || Number(Object.is(values[a], -0)) - Number(Object.is(values[b], -0)) || a - b
    );
  });
  assert.deepEqual(Array.from(ended(orderOf(values, values.length))), expected);
  assert.deepEqual(Array.from(ended(orderOf(new Float64Array(0), 0))), []);
});

const PREDICTIONS = [
  { dot_product: 1.5 },
  { error: 'line 2: {"predictions":[' },
  { a: '\\"}', b: { c: [{}] } },
];

for (const [name, text] of Object.entries({
  lines: PREDICTIONS.map((one) => JSON.stringify(one)).join('\n'),
  'one answer': JSON.stringify({ predictions: PREDICTIONS }),
  'an answer each, apart by nothing': PREDICTIONS.map((one) => JSON.stringify({ predictions: [one] })).join(
    '',
  ),
  'answers with blanks': JSON.stringify({ predictions: PREDICTIONS }, undefined, 2),
})) {
  test(`predictions are found in what a transform writes: ${name}`, () => {
    for (const chunkBytes of [1, 5, 4096]) {
      const reader = new Predictions();
      const found: unknown[] = [];
      const all = bytes(text);
      for (let at = 0; at < all.length; at += chunkBytes)
        found.push(...reader.push(all.subarray(at, at + chunkBytes)));
      found.push(...reader.push(new Uint8Array(0), true));
      assert.deepEqual(found, PREDICTIONS);
    }
  });
}

const figures = (anomaly: number, verdict: ScoredFigures['verdict'] = 'ok'): ScoredFigures => ({
  dotProduct: 0,
  anomaly,
  pValue: null,
  verdict,
});

function sample(): EventIndex {
  const events = new ScoredEvents();
  const add = (name: string, address: string, time: number, figures: ScoredFigures) =>
    events.add(bytes(name), parseAddress(address)!, time, figures);
  add('Ann', '198.51.100.7', 100, figures(1));
  add('joANNa', '198.51.101.7', Number.NaN, figures(3, 'suspicious'));
  add('bob', '2001:db8::1', 300, figures(2, 'unknown'));
  add('ÉMILE', '2001:db8:0:1::1', 200, figures(-1));
  const index = new EventIndex(events);
  const table = new GroupTable({
    kind: 'asn',
    ids: Uint32Array.of(0, 64500, 64501),
    names: ['', 'Example Telecom', ''],
    ipv4Firsts: Uint32Array.of(0, 0xc6336400, 0xc6336500),
    ipv4Groups: Uint32Array.of(0, 1, 2),
    ipv6Firsts: Uint32Array.of(0, 0),
    ipv6Groups: Uint32Array.of(0),
  });
  ended(index.refresh([table]));
  return index;
}

const LABELS = Uint8Array.of(0, 2, 1, 0);
const CASES: [conditions: EventConditions, order: EventOrder, positions: number[]][] = [
  [{}, 'strangest', [1, 2, 0, 3]],
  [{}, 'latest', [2, 3, 0, 1]],
  [{ account: 'ann' }, 'strangest', [1, 0]],
  [{ account: 'émi' }, 'strangest', [3]],
  [{ account: 'annjo' }, 'strangest', []],
  [{ account: '\u0000' }, 'strangest', []],
  [{ entity: 'Ann' }, 'strangest', [0]],
  [{ entity: 'ann' }, 'strangest', []],
  [{ network: parseNetwork('198.51.100.9/24', 'network') }, 'strangest', [0]],
  [{ network: parseNetwork('198.51.100.0/23', 'network') }, 'strangest', [1, 0]],
  [{ network: parseNetwork('0.0.0.0/0', 'network') }, 'strangest', [1, 0]],
  [{ network: parseNetwork('::/0', 'network') }, 'strangest', [1, 2, 0, 3]],
  [{ network: parseNetwork('2001:db8::/64', 'network') }, 'strangest', [2]],
  [{ network: parseNetwork('198.51.101.7', 'network') }, 'strangest', [1]],
  [{ provider: 'telecom' }, 'strangest', [0]],
  [{ provider: 'as64501' }, 'strangest', [1]],
  [{ verdict: 'unknown' }, 'strangest', [2]],
  [{ label: 'none' }, 'strangest', [0, 3]],
  [{ label: 'attack' }, 'strangest', [1]],
  [{ from: 100, to: 200 }, 'latest', [3, 0]],
  [{ from: 101 }, 'latest', [2, 3]],
  [{ leastAnomaly: 2 }, 'latest', [2, 1]],
  [{ first: 1, last: 2 }, 'strangest', [1, 2]],
  [{ first: 9 }, 'strangest', []],
  [{ verdict: 'ok', from: 150 }, 'strangest', [3]],
];

test('a filter lets through what each of its conditions holds for, in the order asked for', () => {
  const finder = new EventFinder(sample());
  for (const [conditions, order, positions] of [...CASES, ...CASES]) {
    const name = JSON.stringify([conditions, order]);
    assert.deepEqual(Array.from(finder.find(conditions, order, LABELS, 0)), positions, name);
  }
});

test('labels that change are found as they are now, by a filter that was used before', () => {
  const finder = new EventFinder(sample());
  assert.equal(finder.find({ label: 'honest' }, 'latest', LABELS, 0).length, 1);
  assert.equal(finder.find({ label: 'honest' }, 'latest', Uint8Array.of(1, 1, 1, 0), 1).length, 3);
});

test('events that come later are found after the next refresh', () => {
  const index = sample();
  const finder = new EventFinder(index);
  const find = (conditions: EventConditions) =>
    Array.from(finder.find(conditions, 'strangest', new Uint8Array(9), 0));
  index.events.add(bytes('zoë'), parseAddress('198.51.100.8')!, 50, figures(9));
  assert.deepEqual(find({}), [1, 2, 0, 3]);
  ended(index.refresh(index.groups.map(({ table }) => table)));
  assert.deepEqual(find({}), [4, 1, 2, 0, 3]);
  assert.deepEqual(find({ account: 'ZOË' }), [4]);
  assert.deepEqual(find({ provider: 'AS64500' }), [4, 0]);
});

for (const [text, message] of [
  ['', 'filter.network: expected an address or a network as 198.51.100.0/24, got "": it is empty.'],
  [
    '9.1.2',
    'filter.network: expected an address or a network as 198.51.100.0/24, got "9.1.2": it has 3 parts, not 4.',
  ],
  ['9.1.2.3/33', 'filter.network: expected a length from 0 to 32 after the slash, got "9.1.2.3/33".'],
  ['::/129', 'filter.network: expected a length from 0 to 128 after the slash, got "::/129".'],
  ['::/1/2', 'filter.network: expected a length from 0 to 128 after the slash, got "::/1/2".'],
]) {
  test(`rejects the network ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseNetwork(text, 'filter.network'), { message });
  });
}

test('a timeline has bins of a width that people can read, and every event in one', () => {
  const { events, count } = sample();
  const all = Uint32Array.from({ length: count }, (_, i) => i);
  const { edges, counts, untimed } = timelineOf(events, all, 100);
  assert.deepEqual([edges[0], edges[1] - edges[0], edges.at(-1)], [100, 5, 305]);
  assert.deepEqual(
    counts.map((one) => one.reduce((a, b) => a + b)),
    [2, 0, 1],
  );
  assert.equal(untimed, 1);
  assert.deepEqual(timelineOf(events, all, 100, 150, 250).edges.at(-1), 252);
  assert.deepEqual(timelineOf(events, Uint32Array.of(1), 100), {
    edges: [],
    counts: [[], [], []],
    untimed: 1,
  });
  // One moment alone, and ends of which nobody lives to see one.
  assert.equal(timelineOf(events, Uint32Array.of(0), 100).edges.length, 2);
  assert.ok(timelineOf(events, all, 100, -8e12, 8e12).edges.length <= 102);
});

test('of recent events the last ones are kept, and no more characters than there is room for', () => {
  const recent = new RecentEvents(3);
  const words = parseAddress('9.1.2.3')!;
  for (let i = 0; i < 5; i++) recent.add(`user_${i}`, words, 0, i, figures(i));
  const events = recent.snapshot();
  assert.deepEqual([recent.first, recent.total, events.count], [2, 5, 3]);
  assert.deepEqual(Array.from(events.time), [2, 3, 4]);
  assert.equal(events.entities.name(events.entity[0]), 'user_2');
  recent.add('x'.repeat(1 << 25), words, 0, 9, figures(0));
  assert.equal(recent.total - recent.first, 1);
});
