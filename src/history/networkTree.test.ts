import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, formatIpv4 } from '../addresses/address.ts';
import { type AccessEvent, collectEvents } from '../index.ts';
import { AccountPlaces } from './accountPlaces.ts';
import { History } from './history.ts';
import { type NetworkNode, networkTree } from './networkTree.ts';

const DAY = 86_400;

function historyOf(list: AccessEvent[]): History {
  const events = collectEvents(list);
  const numbers = Uint32Array.from({ length: events.entities.count }, (_, e) => e);
  return new History(AccountPlaces.of(events, events.entities.count, numbers));
}

/** `10.0.0.0/8 ×3 (10.1.2.3/32 ×1, …)` */
function text({ ipv4, length, high, low, events, children }: NetworkNode): string {
  const address = ipv4 ? formatIpv4(high) : formatAddress(Uint32Array.of(high, low, 0, 0));
  const inside = children.length > 0 ? ` (${children.map(text).join(', ')})` : '';
  return `${address}/${length} ×${events}${inside}`;
}

const treeOf = (addresses: string[], most = 60) => {
  const list = addresses.map((address, i) => ({ entity: 'ann', address, time: (i + 1) * DAY }));
  return networkTree(historyOf(list), 0, most);
};

test('a network with one network in it is that one', () => {
  assert.deepEqual(treeOf(['10.1.2.3', '10.1.2.3']).roots.map(text), ['10.1.2.3/32 ×2']);
  assert.deepEqual(treeOf(['10.1.2.3', '10.1.2.4']).roots.map(text), [
    '10.1.2.0/24 ×2 (10.1.2.3/32 ×1, 10.1.2.4/32 ×1)',
  ]);
});

test('networks nest from wide to narrow, IPv4 before IPv6, ascending', () => {
  const addresses = ['200.1.1.1', '10.1.2.3', '10.1.2.4', '10.9.0.1', '2001:db8:1:2::1', '2001:db8:1:3::1'];
  assert.deepEqual(treeOf(addresses).roots.map(text), [
    '10.0.0.0/8 ×3 (10.1.2.0/24 ×2 (10.1.2.3/32 ×1, 10.1.2.4/32 ×1), 10.9.0.1/32 ×1)',
    '200.1.1.1/32 ×1',
    '2001:db8:1::/48 ×2 (2001:db8:1:2::/64 ×1, 2001:db8:1:3::/64 ×1)',
  ]);
});

test('the last day of a network is the latest of those in it; without times it is 0', () => {
  const [root] = treeOf(['10.1.2.3', '10.1.9.4']).roots;
  assert.equal(root.lastDay, 2);
  assert.deepEqual(
    root.children.map(({ lastDay }) => lastDay),
    [1, 2],
  );
  const untimed = networkTree(historyOf([{ entity: 'ann', address: '10.1.2.3' }]), 0, 60);
  assert.equal(untimed.roots[0].lastDay, 0);
});

const endsOf = (node: NetworkNode): NetworkNode[] =>
  node.children.length === 0 ? [node] : node.children.flatMap(endsOf);

test('of 5,000 addresses no more networks are told apart than there is room for, and no event is lost', () => {
  // A quarter of them in one /16, of 200 /24.
  const addresses = Array.from({ length: 5000 }, (_, i) =>
    i % 4 === 0 ? `10.1.${(i / 4) % 200}.${i % 250}` : `${20 + (i % 20)}.${i % 50}.${i % 200}.${i % 251}`,
  );
  const { roots, leftOut } = treeOf(addresses);
  const ends = roots.flatMap(endsOf);
  assert.ok(ends.length <= 60, `${ends.length}`);
  assert.equal(roots.length, 16);
  assert.equal(
    ends.reduce((sum, { events }) => sum + events, 0),
    5000,
  );
  assert.deepEqual(leftOut, { places: 0, events: 0 });
  // Its 200 /24 are too many, its /20 are not.
  assert.deepEqual(
    roots[0].children.map(({ length }) => length),
    new Array(13).fill(20),
  );
});

test('of an account that was nearly everywhere the least used networks are left out, and counted', () => {
  const addresses = Array.from({ length: 300 }, (_, i) => `${1 + (i % 200)}.1.1.1`);
  const { roots, leftOut } = treeOf(addresses);
  assert.equal(roots.length, 30);
  assert.deepEqual(leftOut, { places: 170, events: 300 - 60 });
});

test('an account that is not known has no networks', () => {
  const history = historyOf([{ entity: 'ann', address: '10.1.2.3' }]);
  assert.deepEqual(networkTree(history, -1, 60), { roots: [], leftOut: { places: 0, events: 0 } });
});

test('what is observed later is in the tree', () => {
  const history = historyOf([{ entity: 'ann', address: '10.1.2.3' }]);
  history.observe(0, collectEvents([{ entity: 'ann', address: '10.1.2.9' }]).addresses, 0, 9 * DAY);
  assert.deepEqual(networkTree(history, 0, 60).roots.map(text), [
    '10.1.2.0/24 ×2 (10.1.2.3/32 ×1, 10.1.2.9/32 ×1)',
  ]);
});
