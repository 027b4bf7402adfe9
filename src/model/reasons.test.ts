import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4 } from '../addresses/address.ts';
import { type AccessEvent, train } from '../index.ts';
import { RandomStream } from '../random/philox.ts';

const random = new RandomStream(1, 0);
const START = 1541289600;

/** 200 accounts on the /24 of 20 offices; every fourth is on the way for three in ten of its logins, anywhere. */
const events: AccessEvent[] = Array.from({ length: 16_000 }, (_, i) => {
  const account = random.below(200);
  const travels = account % 4 === 0 && random.uniform() < 0.3;
  const office = 0x5b000000 + (account % 20) * 0x10500 + random.below(250);
  return {
    entity: `user_${account}`,
    address: formatIpv4(travels ? 0x01000000 + random.below(0xc0000000) : office),
    time: START + i * 50,
  };
});
const model = await train(events, {
  hyperparameters: { vectorDim: 8, epochs: 3, miniBatchSize: 500, learningRate: 0.02 },
  threads: 1,
});
const office = (account: number) => formatIpv4(0x5b000000 + (account % 20) * 0x10500);
const sentence = (entity: string, address: string, code: RegExp): string => {
  const found = model.score(entity, address).reasons.filter((reason) => code.test(reason.code));
  assert.equal(found.length, 1, `${entity} ${address} ${code}`);
  return found[0].sentence;
};

test('how often an account is elsewhere is near what it does, for those who travel and those who do not', () => {
  const claimed = (account: number) =>
    Number(/about ([\d.]+) % of/.exec(sentence(`user_${account}`, '8.8.8.8', /_elsewhere$/))![1]);
  const mean = (accounts: number[]) => accounts.reduce((sum, one) => sum + claimed(one), 0) / accounts.length;
  // Of new places: an office's addresses are soon all known, those of travel never, so most new places are of travel.
  const travellers = Array.from({ length: 50 }, (_, i) => 4 * i);
  assert.ok(mean(travellers) > 25, `${mean(travellers)}`);
  assert.ok(mean(travellers.map((account) => account + 1)) < 10);
  const codes = (account: number) =>
    model.score(`user_${account}`, '8.8.8.8').reasons.map(({ code }) => code);
  assert.ok(codes(4).includes('often_elsewhere') && codes(5).includes('rarely_elsewhere'));
});

test('the narrowest network used: its events, of all, and the last day are those of the list', () => {
  const mine = events.filter(({ entity }) => entity === 'user_7');
  const [{ address }] = mine;
  const there = mine.filter((event) => event.address === address);
  const day = new Date(1000 * Math.max(...there.map(({ time }) => time!))).toISOString().slice(0, 10);
  assert.equal(
    sentence('user_7', address, /^place_used$/),
    `The account has used ${address} for ${there.length} of its ${mine.length} events, last on ${day}.`,
  );
});

test('how common a network is speaks of others, and nobody is counted among the others of itself', () => {
  const parts = address24(office(3));
  assert.match(
    sentence('user_3', office(3), /^network_common$/),
    new RegExp(`^${parts} is used by others: [45] % of what 199 other accounts use\\.$`),
  );
  // A place of travel: nobody else was there.
  const place = events.find(({ entity, address }) => entity === 'user_4' && !address.startsWith('91.'))!;
  assert.equal(
    sentence('user_4', place.address, /^network_rare$/),
    `No other account has used ${address24(place.address)} before.`,
  );
});

const address24 = (address: string) => `${address.split('.').slice(0, 3).join('.')}.0/24`;

test('an account never seen is judged by where all sign in from, and by a threshold of its own', () => {
  const usual = model.score('newcomer', office(3));
  const strange = model.score('newcomer', '198.41.0.4');
  assert.equal(usual.verdict, 'ok');
  assert.ok(usual.anomaly < strange.anomaly);
  assert.ok(usual.reasons.some(({ code }) => code === 'entity_not_seen'));
  assert.equal(usual.pValue, null);
  // No account was new in the later events, so nothing is known of such; the odds of 1 are above the model's threshold.
  assert.ok(model.card.threshold!.anomaly < 0);
  assert.deepEqual([model.thresholdFor(-1), model.thresholdFor(0)], [0, model.card.threshold!.anomaly]);
  assert.equal(model.score('newcomer', office(3), usual.anomaly).verdict, 'suspicious');
});
