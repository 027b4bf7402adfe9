import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InputError } from '../../errors.ts';
import { readTruth } from './readTruth.ts';
import { type ProvidersTruth, type Truth, type TutorialTruth, truthLines } from './truth.ts';

const common = { seed: 2 ** 53 - 1, startSeconds: 1541289600, endSeconds: 1542153600 };
const ranges = { name: 'asn-ipv4.csv', sha256: 'ab'.repeat(32), count: 5 };
const tutorial: TutorialTruth = {
  world: 'tutorial',
  ...common,
  ranges,
  accounts: [
    { entity: 'user_1', home: 0, work: 4, travel: 0.1 + 0.2, homeShare: 1 / 3, events: 50 },
    { entity: 'user_2', home: 2, work: 2, travel: 1e-300, homeShare: 1, events: 10_000 },
  ],
};
const shares = [0.7, 0.2, 0, 0, 0.1];
const providers: ProvidersTruth = {
  world: 'providers',
  ...common,
  ranges,
  ranges6: { ...ranges, name: 'asn-ipv6.csv' },
  places: [
    {
      kind: 'pool',
      asn: 7,
      leaseSeconds: 86400,
      ipv4: ['1.0.0.0-1.0.0.255'],
      ipv6: '2001::-2001::1',
      delegatedBits: 56,
    },
    { kind: 'office', asn: 7, leaseSeconds: 14400, ipv4: ['1.0.0.9-1.0.0.9'] },
  ],
  accounts: [
    { entity: 'user_1', home: 0, office: 1, carrier: null, vpn: null, ipv6: true, shares, events: 5 },
  ],
};

const write = (truth: Truth) => [...truthLines(truth)].join('');
const read = (text: string) => readTruth(new TextEncoder().encode(text), 'web.truth');

test('a truth is read as it was written, bit for bit', () => {
  assert.deepEqual(read(write(tutorial)), tutorial);
  assert.deepEqual(read(write(providers)), providers);
});

test('every kind of damage is refused with its own sentence', () => {
  const whole = write(tutorial);
  const [header, first, second] = whole.split('\n');
  const changed = (from: string, to: string) => {
    assert.ok(whole.includes(from));
    return whole.replace(from, to);
  };
  const again = 'Simulate again with the same seed.';
  const table: [string, string][] = [
    ['', `web.truth: expected the truth of a simulated log, got an empty file. ${again}`],
    [
      '1.2.3.4 - user_1 [04/Nov/2018]\n',
      'web.truth:1: expected the header of a truth file ("kind":"ip-insights-truth"), got "1.2.3.4 - user_1 [04/Nov/2018]". Name the file that simulate wrote beside its log.',
    ],
    [
      changed('"version":1', '"version":2'),
      'web.truth:1: written as v2, this build reads v1. Upgrade, or simulate again.',
    ],
    [
      changed('"world":"tutorial"', '"world":"mars"'),
      `web.truth:1: world: Invalid discriminator value. Expected 'tutorial' | 'providers'. ${again}`,
    ],
    [
      changed('"seed":9007199254740991', '"seed":-1'),
      `web.truth:1: seed: Too small: expected number to be >=0. ${again}`,
    ],
    [whole.slice(0, -5), `web.truth:3: the line has no end (truncated file). ${again}`],
    [`${header}\n${first}\n`, `web.truth: expected 2 lines after its header, as that says, got 1. ${again}`],
    [
      `${header}\n${first}\n${second}\n\n`,
      `web.truth: expected 2 lines after its header, as that says, got 3. ${again}`,
    ],
    [
      `${header}\n${first}\n{"entity"\n`,
      `web.truth:3: expected a JSON object, got "{\\"entity\\"". ${again}`,
    ],
    [
      changed('"home":0', '"home":"0"'),
      `web.truth:2: home: Invalid input: expected number, received string. ${again}`,
    ],
    [
      changed('"travel":1e-300', '"travel":1.5'),
      `web.truth:3: travel: Too big: expected number to be <=1. ${again}`,
    ],
    [changed('"work":4', '"work":5'), `web.truth:2: expected places below 5, got 5. ${again}`],
    [changed('user_2', 'user_1'), `web.truth:3: expected each account once, got "user_1" again. ${again}`],
    [
      write(providers).replace('"office":1', '"office":2'),
      `web.truth:4: expected places below 2, got 2. ${again}`,
    ],
  ];
  for (const [text, message] of table) assert.throws(() => read(text), { name: 'InputError', message }, text);
});

test('any cut or changed byte gives a truth or a message, nothing else', () => {
  const bytes = new TextEncoder().encode(write(providers));
  const position = fc.integer({ min: 0, max: bytes.length - 1 });
  fc.assert(
    fc.property(position, fc.integer({ min: 0, max: 255 }), fc.boolean(), (at, byte, cut) => {
      const damaged = cut ? bytes.slice(0, at) : bytes.slice();
      if (!cut) damaged[at] = byte;
      try {
        readTruth(damaged, 'web.truth');
      } catch (error) {
        assert.ok(error instanceof InputError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
