import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IcicleEvent, icicleChart } from './icicleChart.ts';
import { type IcicleNetwork, icicleGroups, icicleLayout } from './icicleLayout.ts';

const DAY = 86_400;

const network = (text: string, length: number, rest: Partial<IcicleNetwork> = {}): IcicleNetwork => ({
  network: text,
  length,
  places: 1,
  events: 1,
  last_time: 20 * DAY,
  provider: null,
  country: null,
  children: [],
  ...rest,
});

/** A /8 with a /24 of two addresses and one address beside it, and a site of IPv6. */
const NETWORKS = [
  network('10.0.0.0/8', 8, {
    places: 3,
    events: 10,
    children: [
      network('10.1.2.0/24', 24, {
        places: 2,
        events: 8,
        children: [network('10.1.2.3', 32, { events: 6 }), network('10.1.2.4', 32, { events: 2 })],
      }),
      network('10.9.0.1', 32, { events: 2 }),
    ],
  }),
  network('2001:db8:1::/48', 48, { places: 3, events: 3 }),
];
const event = (address: string, time: number | null, verdict: IcicleEvent['verdict'] = 'ok') => ({
  address,
  time,
  verdict,
});

/** Numbers of attributes, which must all be some. */
function assertDrawable(text: string): void {
  assert.doesNotMatch(text, /NaN|Infinity|undefined|="-\d/);
}

test('heights go by events, columns by length, and a network spans those in it', () => {
  const { blocks } = icicleLayout(NETWORKS);
  assert.deepEqual(
    blocks.map(({ titles }) => titles),
    [['/8', '/24', 'address'], ['/48']],
  );
  const [root, wide, first, second, beside] = blocks[0].cells;
  assert.deepEqual([root.from, root.to, wide.from, wide.to], [0, 1, 1, 2]);
  assert.deepEqual([beside.from, beside.to], [1, 3]);
  assert.equal(root.top, first.top);
  assert.equal(root.bottom, beside.bottom);
  assert.equal(wide.bottom, second.bottom);
  const [tall, low] = [first.bottom - first.top, second.bottom - second.top];
  assert.ok(tall > low, `${tall} ${low}`);
});

test('an event lies in the lane of the narrowest network that holds it', () => {
  const { lane } = icicleLayout(NETWORKS);
  const found = (address: string) => {
    const one = lane(address);
    return one && [one.cell.node.network, one.isOwn];
  };
  assert.deepEqual(found('10.1.2.4'), ['10.1.2.4', true]);
  assert.deepEqual(found('10.1.2.5'), ['10.1.2.0/24', false]);
  assert.deepEqual(found('10.200.0.1'), ['10.0.0.0/8', false]);
  assert.deepEqual(found('2001:db8:1:ff::9'), ['2001:db8:1::/48', true]);
  assert.equal(found('2001:db8:2::1'), undefined);
  assert.equal(found('11.0.0.1'), undefined);
  assert.equal(found('::a01:204'), undefined);
  assert.equal(found('no address'), undefined);
});

test('verdicts have shapes of their own; a place that is new for certain is hollow', () => {
  const events = [
    event('10.1.2.3', 21 * DAY),
    event('10.1.2.9', 22 * DAY, 'unknown'),
    event('9.9.9.9', 23 * DAY, 'suspicious'),
    event('10.1.2.3', null),
  ];
  const { text } = icicleChart(NETWORKS, events, 1000);
  assertDrawable(text);
  assert.deepEqual(
    [...text.matchAll(/<path class="event ([a-z ]+)"/g)].map(([, kind]) => kind),
    ['ok', 'unknown new', 'suspicious new'],
  );
  assert.match(text, /networks it had not used/);
  // Where networks are left out, nobody knows.
  const part = icicleChart(NETWORKS, events, 1000, false).text;
  assert.match(part, /<path class="event suspicious"/);
  assert.match(part, /networks that are not drawn, or new/);
});

test('names of providers are text, whatever they hold', () => {
  const hostile = '<script>alert(1)</script>" onload="x';
  const { text } = icicleChart([network('10.1.2.3', 32, { provider: hostile })], [], 1000);
  assert.doesNotMatch(text, /<script|" onload/);
  assert.match(text, /&lt;script&gt;/);
  assertDrawable(text);
});

test('one network, no network, no time, no event and narrow pictures can be drawn', () => {
  const one = [network('10.1.2.3', 32)];
  const untimed = [network('10.1.2.3', 32, { last_time: null })];
  for (const networks of [one, untimed, [], [network('10.1.2.3', 32, { events: 0 })]]) {
    for (const events of [[], [event('10.1.2.3', 5)], [event('8.8.8.8', 5)], [event('10.1.2.3', null)]]) {
      for (const width of [320, 1200]) assertDrawable(icicleChart(networks, events, width).text);
    }
  }
  assert.doesNotMatch(icicleChart(untimed, [], 1000).text, /lane-axis/);
});

test('an address that is longer than its column shows its last groups, and never a part of one', () => {
  const address = '2001:db8:1234:5678:9abc:def0:1234:5678';
  const parents = [32, 48, 64].map((length) => [`2001:db8::/${length}`, length] as const);
  const tree = parents.reduceRight(
    (child, [text, length]) => network(text, length, { children: [child] }),
    network(address, 128),
  );
  const { text } = icicleChart([tree], [], 560);
  const shown = /<text class="network"[^>]*>(…[^<]*)</.exec(text)![1];
  assert.match(shown, /^…(:[\da-f]{4})+$/);
  assert.ok(address.endsWith(shown.slice(1)), shown);
});

test('sixty networks are all named, and two hundred are drawn', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => network(`${i + 1}.1.1.1`, 32, { events: (i % 9) + 1 }));
  const { text } = icicleChart(many(60), [], 1200);
  assert.equal(text.match(/class="network"/g)?.length, 60);
  const all = icicleChart(many(200), [], 1200).text;
  assertDrawable(all);
  assert.equal(all.match(/<g class="cell /g)?.length, 200);
});

test('colours go to the providers with the most events; without providers to the widest networks', () => {
  const providers = ['AS1 one', 'AS2 two', 'AS1 one', null, 'AS3 three'];
  const networks = providers.map((provider, i) => network(`${i + 1}.1.1.1`, 32, { provider, events: 5 - i }));
  const groups = icicleGroups(networks, 2);
  assert.deepEqual(groups.names, ['AS1 one', 'AS2 two']);
  const cells = icicleLayout(networks).blocks[0].cells;
  assert.deepEqual(cells.map(groups.of), [0, 1, 0, -1, -1]);
  const plain = icicleGroups(NETWORKS, 8);
  assert.deepEqual([plain.by, plain.names], ['network', ['10.0.0.0/8', '2001:db8:1::/48']]);
  assert.deepEqual(icicleLayout(NETWORKS).blocks[0].cells.map(plain.of), [0, 0, 0, 0, 0]);
});
