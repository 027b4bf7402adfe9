/** What the ranks of fitModelRanks.test.ts do: each fits on its own events. Tests only; not part of the package. */
import { createHash } from 'node:crypto';
import { type AddressWords, formatIpv4, parseAddress } from '../addresses/address.ts';
import { groupTableOf } from '../addresses/buildGroupTable.ts';
import { readRangeLines } from '../addresses/rangeLines.ts';
import { hashModulo } from '../events/entityHash.ts';
import { type Events, EventsBuilder } from '../events/events.ts';
import { SECONDS_PER_DAY } from '../events/time.ts';
import type { History } from '../history/history.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { runRanks } from '../mpi/runRanks.ts';
import { ownerOf } from '../neural/ranks/rankPlan.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { entityShards } from './entityShards.ts';
import { type EarlyVectors, type FittedModel, fitModel, historyOf } from './fitModel.ts';
import { holdOut } from './holdOut.ts';
import { SeenEntities } from './seenEntities.ts';

interface Sample {
  accounts: number;
  events: number;
  entityRows: number;
  /** all; none; all but one */
  times: 'all' | 'none' | 'most';
  /** the share of IPv6 */
  ipv6: number;
  /** days after which only one account has events */
  silentFrom?: number;
  halfLifeDays?: number;
  hasTable?: boolean;
  quantizes?: boolean;
}

const SAMPLES: Record<string, Sample> = {
  everything: {
    ...{ accounts: 300, events: 9000, entityRows: 20_000, times: 'all', ipv6: 0.4 },
    ...{ halfLifeDays: 9, hasTable: true, quantizes: true },
  },
  plain: { accounts: 300, events: 9000, entityRows: 500, times: 'all', ipv6: 0 },
  untimed: { accounts: 200, events: 5000, entityRows: 5000, times: 'none', ipv6: 0.5, hasTable: true },
  'almost timed': { accounts: 200, events: 3000, entityRows: 5000, times: 'most', ipv6: 1, halfLifeDays: 3 },
  silent: { accounts: 40, events: 3000, entityRows: 5000, times: 'all', ipv6: 0.3, silentFrom: 10 },
  'two accounts': { accounts: 2, events: 900, entityRows: 64, times: 'all', ipv6: 0.3, hasTable: true },
  'one account': { accounts: 1, events: 400, entityRows: 64, times: 'none', ipv6: 0.3, quantizes: true },
  'nothing held out': { accounts: 3, events: 3, entityRows: 64, times: 'all', ipv6: 0.3, quantizes: true },
};

const LIST =
  '10.0.0.0,10.63.255.255,7\n10.64.0.0,10.127.255.255,8\n10.200.0.0,10.255.255.255,9\n2a02:100::,2a02:17f:ffff:ffff:ffff:ffff:ffff:ffff,7\n';
const { table } = groupTableOf('asn', [readRangeLines(new TextEncoder().encode(LIST), 'list.csv', 'asn')]);

const DAYS = 30;

interface Drawn {
  name: Uint8Array;
  words: AddressWords;
  time: number;
}

/** Accounts of very different sizes at home in networks of their own, at addresses that many share, and elsewhere. */
function drawEvents({ accounts, events, times, ipv6, silentFrom = DAYS }: Sample): Drawn[] {
  const random = new RandomStream(3, PURPOSE.simulation);
  return Array.from({ length: events }, (_, i) => {
    const time = (Math.floor(random.uniform() ** 0.7 * DAYS * 400) / 400) * SECONDS_PER_DAY + 1.5e9;
    const isSilent = time > 1.5e9 + silentFrom * SECONDS_PER_DAY;
    const account = isSilent ? 0 : Math.floor(random.uniform() ** 3 * accounts);
    const kind = random.uniform();
    const home = (account * 37 + (random.uniform() < 0.2 ? 11 : 0)) % 256;
    const host = random.below(kind < 0.2 ? 3 : 4000);
    const shared = kind > 0.7;
    const text =
      random.uniform() < ipv6
        ? `2a02:1${shared ? '99' : (home % 128).toString(16).padStart(2, '0')}:${host.toString(16)}::1`
        : formatIpv4(((10 << 24) | ((shared ? 210 : home) << 16) | host) >>> 0);
    const hasTime = times === 'all' || (times === 'most' && i !== 1234);
    return {
      name: new TextEncoder().encode(`user_${account}`),
      words: parseAddress(text)!,
      time: hasTime ? time : Number.NaN,
    };
  });
}

/** The events of this rank, numbered by a dictionary of its own, and which they are of all. */
function eventsOfRank(
  drawn: Drawn[],
  entityRows: number,
  ranks: Ranks,
): { events: Events; index: Float64Array } {
  const known = new EventsBuilder();
  for (const { name, words, time } of drawn) known.add(name, 0, name.length, words, time);
  const all = known.build();
  const index: number[] = [];
  const builder = new EventsBuilder();
  for (const [i, { name, words, time }] of drawn.entries()) {
    const [low, high] = all.entities.hashOf(all.entity[i]);
    if (ownerOf(hashModulo(low, high, entityRows), entityRows, ranks.size) !== ranks.rank) continue;
    builder.add(name, 0, name.length, words, time);
    index.push(i);
  }
  return { events: builder.build(), index: Float64Array.from(index) };
}

/** An input of the fit: any number for any entity and address, higher where the address is one of the account's own networks. */
function someVectors(quantizes: boolean): EarlyVectors {
  let isQuantized = false;
  return {
    dotProducts({ count, entities, entity, addresses }) {
      return Float32Array.from({ length: count }, (_, i) => {
        const [low] = entities.hashOf(entity[i]);
        const network = addresses[i * 4] === 0 ? addresses[i * 4 + 3] >>> 16 : addresses[i * 4 + 1];
        let hash = Math.imul(low ^ Math.imul(network, 0x9e3779b1), 0x85ebca6b);
        hash = (hash ^ (hash >>> 13)) >>> 0;
        const dot = (hash / 2 ** 32) * 4 - 1;
        return isQuantized ? Math.round(dot * 16) / 16 : dot;
      });
    },
    quantize: quantizes
      ? () => {
          isQuantized = true;
        }
      : undefined,
  };
}

/** What is the same on all ranks, as bytes. */
function sharedBytes(
  { weights, stacking, calibration, fittedOn, quantization }: FittedModel,
  history: History,
) {
  const { background, repeatShare, buckets } = weights;
  const figures = { background, repeatShare, buckets, stacking, fittedOn, quantization };
  const { accounts, total, ipv4, ipv6 } = history.population.parts;
  const columns = [
    ...[...calibration.rows, calibration.all].flatMap(({ anomalies, atLeast }) => [anomalies, atLeast]),
    ...[ipv4, ipv6].flatMap(({ places, before, users, before16 }) => [
      ...[places.high, places.low, before, users, before16],
    ]),
    ...history.groups.flatMap(({ shares, weights }) => [shares, weights]),
  ];
  const events = [...calibration.rows, calibration.all].map((tail) => tail.events);
  const day = history.decay.referenceDay;
  return [
    new TextEncoder().encode(JSON.stringify({ figures, accounts, total, events, day })),
    ...columns.map(({ buffer, byteOffset, byteLength }) =>
      new Uint8Array(buffer, byteOffset, byteLength).slice(),
    ),
  ];
}

/** The weights of accounts of all ranks by the hashes of the accounts, as texts in order. */
function accountsOfAll({ weights }: FittedModel, seen: SeenEntities, ranks: Ranks): string[] {
  const { entities, codes } = weights.accounts;
  const width = entities.length === 0 ? 0 : codes.length / entities.length;
  const own = Array.from(entities, (entity, row) =>
    [...seen.hashOf(entity), ...codes.subarray(row * width, (row + 1) * width)].join(' '),
  );
  return ranks
    .gatherAll(new TextEncoder().encode(own.join('\n')))
    .flatMap((bytes) => (bytes.length === 0 ? [] : new TextDecoder().decode(bytes).split('\n')))
    .sort();
}

function fitted(name: string, ranks: Ranks): string {
  const sample = SAMPLES[name];
  const { events, index } = eventsOfRank(drawEvents(sample), sample.entityRows, ranks);
  const seen = SeenEntities.of(events);
  const shards = entityShards(seen, sample.entityRows, ranks);
  const options = { tables: sample.hasTable ? [table] : [], halfLifeDays: sample.halfLifeDays };
  const parts = holdOut(events, 1, ranks, ranks.size > 1 ? index : undefined);
  const model = fitModel(parts, seen, shards, 1, options, someVectors(sample.quantizes ?? false));
  const history = historyOf(events, seen, options, shards);
  const hash = createHash('sha256');
  for (const bytes of sharedBytes(model, history)) hash.update(bytes);
  const same = ranks.gatherAll(hash.copy().digest()).map((bytes) => Buffer.from(bytes).toString('hex'));
  if (new Set(same).size !== 1) throw new Error(`${name}: ranks have different figures: ${same}`);
  const digest = hash.update(accountsOfAll(model, seen, ranks).join('\n')).digest('hex');
  const { fittedOn, calibration, stacking } = model;
  return JSON.stringify({
    name,
    digest,
    ...fittedOn,
    judged: calibration.all.events,
    neural: stacking.neural,
  });
}

await runRanks('drill', async (ranks) => {
  for (const name of Object.keys(SAMPLES)) {
    const line = fitted(name, ranks);
    if (ranks.rank === 0) process.stdout.write(`${line}\n`);
  }
});
