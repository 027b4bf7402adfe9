import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { folder, modelPath, post, startServer, until } from '../sampleServer.ts';
import type { AccountAnswer, AccountsFound, MapAnswer, MapNeighbours } from './contract.ts';

const main = join(import.meta.dirname, '../../cli/main.js');
const HOSTILE = '<img src=x onerror=alert(1)>\u202e';
const LONG = `${'x'.repeat(10_000)}end`;

/** Two families and one alone; an account of one address, one of 5,000, two with names that nobody expects. */
const events = [
  ...Array.from({ length: 5000 }, (_, i) => `everywhere,${11 + (i % 25)}.${i % 31}.${i % 7}.${i % 250}`),
  ...Array.from({ length: 9 }, () => 'still,9.1.1.7'),
  ...Array.from({ length: 9 }, (_, i) => `"${HOSTILE}",9.1.1.${i}`),
  ...Array.from({ length: 9 }, (_, i) => `${LONG},9.1.2.${i}`),
  ...Array.from({ length: 9 }, (_, i) => `six,2001:db8:1:${i}::1`),
];
writeFileSync(join(folder, 'odd.csv'), `${events.join('\n')}\n`);
writeFileSync(join(folder, 'six.csv'), `${events.filter((line) => line.startsWith('six')).join('\n')}\n`);
writeFileSync(
  join(folder, 'asn.csv'),
  '9.1.0.0,9.1.255.255,64500,"Nine <b>"\n11.0.0.0,20.255.255.255,64501,Many\n',
);
for (const name of ['odd', 'six']) {
  const options = ['--threads', '1', '--vector-dim', '8', '--epochs', '1', '--mini-batch-size', '100'];
  const args = [main, 'train', `${name}.csv`, '--model', `${name}.model`, ...options];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}
const plain = await startServer([modelPath, '--console', '--events', 'train.csv']);
const odd = await startServer(['odd.model', '--console', '--asn', 'asn.csv', '--events', 'odd.csv']);
const six = await startServer(['six.model', '--console']);
after(() => Promise.all([plain, odd, six].map((server) => server.stop())));

async function ask<T>({ url }: { url: string }, path: string, body: unknown): Promise<T> {
  const { status, text, json } = await post(`${url}/v1/${path}`, JSON.stringify(body));
  assert.equal(status, 200, text);
  return json;
}
const account = (server: { url: string }, entity: string) =>
  ask<AccountAnswer>(server, 'account', { entity });
const find = async (server: { url: string }, text: string) =>
  (await ask<AccountsFound>(server, 'accounts/find', { text })).entities;

await until('names are loaded', async () => (await find(odd, 'six')).length === 1);
await until('names are loaded', async () => (await find(plain, 'user_29')).length === 1);

const endsOf = (nodes: AccountAnswer['networks']): AccountAnswer['networks'] =>
  nodes.flatMap((node) => (node.children.length === 0 ? [node] : endsOf(node.children)));
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

test('an account is its events, places, weights and networks', async () => {
  const answer = await account(plain, 'user_3');
  assert.equal(answer.is_known, true);
  assert.equal(answer.events, 40);
  assert.deepEqual(
    answer.weights.map(({ family }) => family),
    ['IPv4', 'IPv6'],
  );
  for (const { sentence, parts } of answer.weights) {
    assert.match(sentence, /^\d+ % /);
    assert.ok(sum(parts.map(({ weight }) => weight)) > 0.9);
  }
  const ends = endsOf(answer.networks);
  assert.equal(sum(ends.map(({ events }) => events)), 40);
  assert.equal(sum(ends.map(({ places }) => places)), answer.places);
  assert.ok(ends.every(({ last_time }) => last_time !== null && last_time % 86_400 === 0));
  assert.deepEqual(answer.providers, []);
});

test('an account that the model has never seen has nothing', async () => {
  const { entity: _, ...answer } = await account(plain, 'nobody');
  assert.deepEqual(answer, {
    is_known: false,
    has_vector: false,
    events: 0,
    places: 0,
    last_time: null,
    weights: [],
    has_own_weights: false,
    providers: [],
    networks: [],
    left_out: { places: 0, events: 0 },
    neighbours: [],
  });
});

test('providers are named by the table, and of a network only where all of it has one', async () => {
  const still = await account(odd, 'still');
  assert.deepEqual(still.providers, [{ provider: 'AS64500 Nine <b>', country: null, places: 1, events: 9 }]);
  assert.deepEqual(still.networks, [
    {
      network: '9.1.1.7',
      length: 32,
      places: 1,
      events: 9,
      last_time: null,
      provider: 'AS64500 Nine <b>',
      country: null,
      children: [],
    },
  ]);
  const all = await account(odd, 'everywhere');
  assert.deepEqual(
    all.providers.map(({ provider, events }) => [provider, events]),
    [
      [null, 3000],
      ['AS64501 Many', 2000],
    ],
  );
});

test('an account of thousands of addresses is told in at most 60 networks, with all its events', async () => {
  const answer = await account(odd, 'everywhere');
  const ends = endsOf(answer.networks);
  assert.ok(ends.length <= 60);
  assert.equal(sum(ends.map(({ events }) => events)) + answer.left_out.events, 5000);
  assert.equal(sum(ends.map(({ places }) => places)) + answer.left_out.places, answer.places);
});

test('who shares a network is named, if an event of it is loaded', async () => {
  const { neighbours } = await account(odd, 'still');
  assert.deepEqual(neighbours, [
    { entity: HOSTILE, shared_networks: 1, examples: ['9.1.1.0/24'], example_accounts: [2] },
  ]);
  assert.deepEqual((await account(six, 'six')).neighbours, []);
  assert.deepEqual(
    (await account(six, 'six')).networks.map(({ network, children }) => [network, children.length]),
    [['2001:db8:1::/48', 9]],
  );
});

test('accounts are found by a part of the name; without events by the whole name that the model knows', async () => {
  assert.deepEqual(await find(odd, 'ONERROR'), [HOSTILE]);
  assert.deepEqual(await find(odd, 'xend'), [LONG]);
  assert.equal((await find(plain, 'user_')).length, 20);
  assert.equal((await find(plain, 'user_2'))[0], 'user_2');
  assert.deepEqual(await find(six, 'si'), []);
  assert.deepEqual(await find(six, 'six'), ['six']);
});

test('a map has the points of one kind with names, sizes and components, and is the same each time', async () => {
  const map = await ask<MapAnswer>(plain, 'map', { kind: 'accounts' });
  const N = map.ids.length;
  assert.equal(N, 30);
  assert.equal(map.all, 30);
  assert.equal(map.xy.length, 2 * N);
  assert.equal(map.principal.length, N * map.components);
  assert.ok(map.components >= 2 && map.components <= 8);
  assert.deepEqual(
    map.explained.toSorted((a, b) => b - a),
    map.explained,
  );
  assert.deepEqual(new Set(map.names), new Set(Array.from({ length: 30 }, (_, i) => `user_${i}`)));
  assert.deepEqual(map.tables, []);
  assert.ok(map.providers.every((index) => index === -1));
  assert.deepEqual(await ask<MapAnswer>(plain, 'map', { kind: 'accounts' }), map);
  const few = await ask<MapAnswer>(plain, 'map', { kind: 'accounts', limit: 7 });
  assert.equal(few.ids.length, 7);
  assert.equal(few.all, 30);
});

test('networks have their accounts and providers; very long names are cut', async () => {
  const networks = await ask<MapAnswer>(odd, 'map', { kind: 'networks' });
  const at = networks.names.indexOf('9.1.1.0/24');
  assert.equal(networks.sizes[at], 2);
  assert.equal(networks.provider_names[networks.providers[at]], 'AS64500 Nine <b>');
  assert.deepEqual(networks.tables, ['asn']);
  const accounts = await ask<MapAnswer>(odd, 'map', { kind: 'accounts' });
  assert.ok(accounts.names.includes(`${'x'.repeat(120)}…`));
});

test('neighbours are those with the largest cosine, and whole names are told', async () => {
  const map = await ask<MapAnswer>(odd, 'map', { kind: 'accounts' });
  const id = map.ids[map.names.findIndex((name) => name?.startsWith('xxx'))];
  const { name, neighbours } = await ask<MapNeighbours>(odd, 'map/neighbours', {
    kind: 'accounts',
    id,
    count: 3,
  });
  assert.equal(name, LONG);
  assert.equal(neighbours.length, 3);
  const cosines = neighbours.map(({ cosine }) => cosine);
  assert.deepEqual(
    cosines.toSorted((a, b) => b - a),
    cosines,
  );
  assert.ok(cosines.every((cosine) => Math.abs(cosine) <= 1));
});

test('a map of one account is one point, and of no neighbours', async () => {
  const map = await ask<MapAnswer>(six, 'map', { kind: 'accounts' });
  assert.deepEqual([map.xy, map.components, map.names], [[0, 0], 0, [null]]);
  const one = await ask<MapNeighbours>(six, 'map/neighbours', { kind: 'accounts', id: map.ids[0] });
  assert.deepEqual(one, { name: null, neighbours: [] });
});

test('what is no request is refused with its place', async () => {
  const refusals: [path: string, body: unknown, status: number, error: string][] = [
    ['account', {}, 400, 'entity: expected string, got undefined.'],
    ['account', { entity: '' }, 400, 'entity: Too small: expected string to have >=1 characters.'],
    ['accounts/find', { text: 7 }, 400, 'text: expected string, got number.'],
    ['map', { kind: 'both' }, 400, 'kind: Invalid option: expected one of "accounts"|"networks".'],
    ['map', { kind: 'accounts', limit: 0 }, 400, 'limit: Too small: expected number to be >=1.'],
    [
      'map/neighbours',
      { kind: 'accounts', id: 999 },
      404,
      'id: expected that of a point of the map of accounts, got 999. Ask for the map again.',
    ],
  ];
  for (const [path, body, status, error] of refusals) {
    const answer = await post(`${plain.url}/v1/${path}`, JSON.stringify(body));
    assert.deepEqual([answer.status, answer.json], [status, { error }], path);
  }
});
