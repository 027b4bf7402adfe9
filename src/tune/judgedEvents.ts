import { counted, InputError } from '../errors.ts';
import { drawOctetAttacks, drawSwapAttacks } from '../evaluate/attackers.ts';
import { AccountHistory } from '../evaluate/history.ts';
import { novelty } from '../evaluate/subsets.ts';
import { type EntityDictionary, type Events, selectEvents } from '../events/events.ts';
import { drawDiscriminated } from '../model/discriminator.ts';
import type { PrefixTable } from '../neural/prefixes.ts';
import { PURPOSE, permutation, RandomStream } from '../random/philox.ts';
import type { Objective } from './objectives.ts';

/** Honest events, and an attack on each. */
export interface JudgedEvents {
  honest: Events;
  attacks: Events;
}

export interface JudgedOptions {
  /** fixes samples and attacks */
  seed: number;
  /** honest events at most, for all objectives but AWS's */
  sampleSize: number;
  /** how messages call the events */
  name: string;
}

/**
 * What an objective is measured on. AWS's takes all records; the others a sample of those whose accounts are in the
 * training events, as the vectors of strangers mean nothing.
 * @param events of a dictionary of their own, or that of `train`
 * @throws InputError where nothing is left to measure on
 */
export function judgedEvents(
  objective: Objective,
  events: Events,
  train: Events,
  prefixes: PrefixTable,
  { seed, sampleSize, name }: JudgedOptions,
): JudgedEvents {
  if (events.count === 0) throw new InputError(`${name}: expected at least one event, got none.`);
  if (objective.attacker === 'discriminated') {
    return { honest: events, attacks: drawDiscriminated(events, prefixes, seed) };
  }
  const known = inDictionaryOf(train, events);
  if (known.count === 0) {
    throw new InputError(
      `${name}: expected events of accounts seen in training, got ${counted(events.count, 'event')} of other accounts only. Check that both files name accounts in the same way.`,
    );
  }
  const among = objective.newOnly ? newPlaces(train, known) : known;
  if (among.count === 0) {
    throw new InputError(
      `${name}: expected events from addresses new to their account, got none. Take an objective without new_.`,
    );
  }
  const order = permutation(among.count, new RandomStream(seed, PURPOSE.sampling));
  const honest = selectEvents(among, order.slice(0, sampleSize).sort());
  const attacks =
    objective.attacker === 'swap' ? drawSwapAttacks(honest, seed) : drawOctetAttacks(honest, prefixes, seed);
  if (!attacks) {
    throw new InputError(
      `${name}: expected events of several accounts, got one account only, so that there is no other one's address. Take --objective discriminator_auc.`,
    );
  }
  return { honest, attacks };
}

/** The number that each account of a dictionary has in the training events; −1 where it is not in them. */
export function trainedNumbers(train: Events, entities: EntityDictionary): Int32Array {
  const isTrained = new Uint8Array(train.entities.count);
  for (const entity of train.entity) isTrained[entity] = 1;
  const numbers = new Int32Array(entities.count);
  for (let e = 0; e < numbers.length; e++) {
    const [low, high] = entities.hashOf(e);
    const number = train.entities.findHash(low, high);
    numbers[e] = number >= 0 && isTrained[number] === 1 ? number : -1;
  }
  return numbers;
}

/** Those of the events whose account is in the training events, numbered as there. */
function inDictionaryOf(train: Events, events: Events): Events {
  const numbers = trainedNumbers(train, events.entities);
  const positions: number[] = [];
  for (let i = 0; i < events.count; i++) if (numbers[events.entity[i]] >= 0) positions.push(i);
  const known = selectEvents(events, positions);
  return {
    ...known,
    entities: train.entities,
    entity: known.entity.map((e) => numbers[e]),
  };
}

function newPlaces(train: Events, known: Events): Events {
  const history = new AccountHistory(train);
  const positions: number[] = [];
  for (let i = 0; i < known.count; i++) {
    if (novelty(history, known.entity[i], known.addresses, i) !== 'same_address') positions.push(i);
  }
  return selectEvents(known, positions);
}
