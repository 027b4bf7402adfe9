import { isIpv4 } from '../addresses/address.ts';
import type { Events } from '../events/events.ts';
import type { FreemanBaseline } from './freeman.ts';
import type { AccountHistory } from './history.ts';
import type { JudgedModel } from './judgedModel.ts';
import type { Oracle, OracleAttack } from './oracle.ts';
import type { Population } from './population.ts';

export type DetectorId =
  | 'mixture'
  | 'history'
  | 'neural'
  | 'longest_shared_prefix'
  | 'new_network'
  | 'new_address'
  | 'popularity'
  | 'freeman'
  | 'oracle';

/** Something that says how strange an event is. */
export interface Detector {
  id: DetectorId;
  /** for tables and legends */
  title: string;
  /** one sentence for people who see it for the first time */
  meaning: string;
  /** whether it can judge events against that attack */
  judges: (attack: string) => boolean;
  /** whether what it says of the same event differs from attack to attack */
  dependsOnAttack: boolean;
  /** @returns f64[N]: the anomaly of each event, high = strange */
  anomalies: (events: Events, attack: string) => Float64Array;
}

const ANY_ATTACK = { judges: () => true, dependsOnAttack: false };

/** The default score. */
export function mixtureDetector(model: JudgedModel): Detector {
  return {
    id: 'mixture',
    title: 'mixture (the model)',
    meaning: 'The anomaly that the model gives: the history of accounts and the vectors together.',
    ...ANY_ATTACK,
    anomalies: (events) => model.anomalies(events),
  };
}

/** The ladder of networks without the vectors. */
export function historyDetector(model: JudgedModel): Detector {
  return {
    id: 'history',
    title: 'history alone',
    meaning: 'One part of the model: minus ln of the likelihood ratio that its history of networks gives.',
    ...ANY_ATTACK,
    anomalies: (events) => model.logRatios(events).map((logRatio) => 0 - logRatio),
  };
}

/** IP Insights itself: anomaly = −dot product. */
export function neuralDetector(model: JudgedModel): Detector {
  return {
    id: 'neural',
    title: 'neural alone',
    meaning:
      'One part of the model, IP Insights itself: minus the dot product of the vectors of account and address.',
    ...ANY_ATTACK,
    anomalies: (events) => Float64Array.from(model.dotProducts(events), (dotProduct) => 0 - dotProduct),
  };
}

/** What can be had without learning anything. */
export function baselineDetectors(
  history: AccountHistory,
  population: Population,
  freeman: FreemanBaseline,
): Detector[] {
  return [
    {
      id: 'longest_shared_prefix',
      title: 'longest shared prefix',
      meaning:
        'Minus the number of leading bits shared with the nearest address that the account used in training; of IPv6 the first 64 bits, each counting half.',
      ...ANY_ATTACK,
      anomalies: (events) =>
        eachEvent(events, (entity, i) => {
          const bits = Math.max(0, history.sharedBits(entity, events.addresses, i));
          // A site's /48 compares with a /24 and a link's /64 with an address: half of the bits.
          return 0 - (isIpv4(events.addresses, i) ? bits : Math.min(64, bits) / 2);
        }),
    },
    {
      id: 'new_network',
      title: 'new /24',
      meaning: '1 where the account never used the /24 (IPv6: /48) of the address in training, else 0.',
      ...ANY_ATTACK,
      anomalies: (events) =>
        eachEvent(events, (entity, i) => {
          const bits = isIpv4(events.addresses, i) ? 24 : 48;
          return history.sharedBits(entity, events.addresses, i) >= bits ? 0 : 1;
        }),
    },
    {
      id: 'new_address',
      title: 'new address',
      meaning: '1 where the account never used the address in training, else 0.',
      ...ANY_ATTACK,
      anomalies: (events) =>
        eachEvent(events, (entity, i) => {
          const bits = isIpv4(events.addresses, i) ? 32 : 128;
          return history.sharedBits(entity, events.addresses, i) === bits ? 0 : 1;
        }),
    },
    {
      id: 'popularity',
      title: 'popularity',
      meaning: 'How rare the networks of the address are among all training events, whoever the account is.',
      ...ANY_ATTACK,
      anomalies: (events) => eachEvent(events, (_, i) => 0 - population.logProbability(events.addresses, i)),
    },
    {
      id: 'freeman',
      title: 'Freeman 2016',
      meaning:
        'ln of how probable the address is in general over how probable it is for the account, smoothed over provider and country where the model has tables of them (Freeman et al., NDSS 2016).',
      ...ANY_ATTACK,
      anomalies: (events) => eachEvent(events, (entity, i) => freeman.anomaly(entity, events.addresses, i)),
    },
  ];
}

/** The best possible detector of the simulated tutorial's world. */
export function oracleDetector(oracle: Oracle): Detector {
  return {
    id: 'oracle',
    title: 'oracle (limit)',
    meaning: 'The true likelihood ratio of the simulated world: no detector can do better there.',
    judges: (attack) => attack === 'octets' || attack === 'announced' || attack === 'swap',
    dependsOnAttack: true,
    anomalies: (events, attack) => oracle.anomalies(events, attack as OracleAttack),
  };
}

function eachEvent(events: Events, anomalyOf: (entity: number, i: number) => number): Float64Array {
  const anomalies = new Float64Array(events.count);
  for (let i = 0; i < events.count; i++) anomalies[i] = anomalyOf(events.entity[i], i);
  return anomalies;
}
