import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, IPV4_WORD_2 } from '../addresses/address.ts';
import { collectEvents } from '../index.ts';
import { AccountPlaces } from './accountPlaces.ts';
import { History } from './history.ts';
import { accountsSharingNetworks } from './sharedNetworks.ts';

/** Accounts are numbered as they come. */
function historyOf(pairs: [string, string][]): { history: History; names: string[] } {
  const events = collectEvents(pairs.map(([entity, address]) => ({ entity, address })));
  const numbers = Uint32Array.from({ length: events.entities.count }, (_, e) => e);
  const names = Array.from(numbers, (e) => events.entities.name(e));
  return { history: new History(AccountPlaces.of(events, names.length, numbers)), names };
}

async function sharingWithFirst(pairs: [string, string][], most = 20): Promise<string[]> {
  const { history, names } = historyOf(pairs);
  const found = await accountsSharingNetworks(history, 0, names.length, most, async () => {});
  return found.map(({ entity, shared, closeness }) => {
    const networks = shared.map(({ network: { ipv4, high, low }, users }) => {
      const words = ipv4 ? Uint32Array.of(0, 0, IPV4_WORD_2, high) : Uint32Array.of(high, low, 0, 0);
      return `${formatAddress(words)} of ${users}`;
    });
    return `${names[entity]} ${Number(closeness.toFixed(3))}: ${networks.join(', ')}`;
  });
}

test('a /24 or an IPv6 /48 is shared, a wider network is not', async () => {
  const pairs: [string, string][] = [
    ['ann', '10.1.2.3'],
    ['ann', '2001:db8:1:2::3'],
    ['bob', '10.1.2.200'],
    ['cid', '10.1.3.3'],
    ['dan', '2001:db8:1:ff00::1'],
    ['eve', '2001:db8:2:2::3'],
  ];
  assert.deepEqual(await sharingWithFirst(pairs), ['bob 0.5: 10.1.2.0 of 2', 'dan 0.5: 2001:db8:1:: of 2']);
});

test('who shares an office is closer than who shares a carrier with many', async () => {
  const pairs: [string, string][] = [
    ['ann', '10.0.0.1'],
    ['ann', '20.0.0.1'],
    ['ann', '20.0.1.1'],
  ];
  for (let i = 0; i < 9; i++) pairs.push([`phone_${i}`, '20.0.0.9'], [`phone_${i}`, '20.0.1.9']);
  pairs.push(['bob', '10.0.0.2']);
  const [first, second, ...others] = await sharingWithFirst(pairs);
  assert.equal(first, 'bob 0.5: 10.0.0.0 of 2');
  assert.equal(second, 'phone_0 0.2: 20.0.0.0 of 10, 20.0.1.0 of 10');
  assert.equal(others.length, 8);
});

test('several addresses of one network count once; no more accounts are given than asked for', async () => {
  const pairs: [string, string][] = [
    ['ann', '10.0.0.1'],
    ['ann', '10.0.0.2'],
    ['bob', '10.0.0.3'],
    ['bob', '10.0.0.4'],
    ['cid', '10.0.0.5'],
  ];
  assert.deepEqual(await sharingWithFirst(pairs, 1), ['bob 0.333: 10.0.0.0 of 3']);
});

test('an account that is alone shares nothing', async () => {
  assert.deepEqual(await sharingWithFirst([['ann', '10.0.0.1']]), []);
});
