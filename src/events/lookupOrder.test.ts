import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '../addresses/address.ts';
import { RandomStream } from '../random/philox.ts';
import { EntityDictionary, type Events, EventsBuilder } from './events.ts';
import { lookupOrder } from './lookupOrder.ts';

function eventsAt(addresses: string[]): Events {
  const entities = new EntityDictionary();
  const entity = entities.add(new TextEncoder().encode('u'));
  const builder = new EventsBuilder(entities);
  for (const address of addresses) builder.addNumbered(entity, parseAddress(address)!, 0, Number.NaN);
  return builder.build();
}

const random = new RandomStream(1, 1);
const octet = () => random.below(256);
const many = Array.from({ length: 5000 }, () => `${octet()}.${octet() % 3}.${octet() % 4}.${octet() % 4}`);

test('IPv4 events come in the order of their addresses, equal ones in that of the events', () => {
  const events = eventsAt(many);
  const expected = many
    .map((_, i) => i)
    .sort((a, b) => events.addresses[a * 4 + 3] - events.addresses[b * 4 + 3] || a - b);
  assert.deepEqual([...lookupOrder(events)], expected);
});

test('IPv6 events of one /40 stand side by side, and every event has one place', () => {
  const addresses = many.map((_, i) => `2001:db8:${(octet() % 5).toString(16)}00:${i.toString(16)}::1`);
  const events = eventsAt([...addresses, ...many]);
  const order = lookupOrder(events);
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    [...events.entity.keys()],
  );
  const site = (i: number) => formatAddress(events.addresses, i).split(':').slice(0, 3).join(':');
  const runs = [...order].filter((i, at) => i < many.length && (at === 0 || site(order[at - 1]) !== site(i)));
  assert.equal(runs.length, 5);
});

test('few events stay as they are', () => {
  assert.deepEqual([...lookupOrder(eventsAt(['9.0.0.1', '8.0.0.1']))], [0, 1]);
});
