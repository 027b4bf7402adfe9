import type { EntityDictionary, Events } from '../events/events.ts';
import { HashedEvents } from '../events/hashedEvents.ts';
import type { Model } from '../model/model.ts';
import { askOwners, ByteRows } from '../model/shards/askOwners.ts';
import type { RankPart } from '../model/shards/rankPart.ts';
import type { JudgedModel } from './judgedModel.ts';

/** What the first rank asks about events; each gets a number. */
type Question = 'anomalies' | 'logRatios' | 'dotProducts' | 'eventsOf';
const QUESTIONS: (Question | 'end')[] = ['anomalies', 'logRatios', 'dotProducts', 'eventsOf', 'end'];

/** Asked about at once: some 10 MB. */
const BLOCK = 1 << 18;

/** A model in shards as the first rank asks the others about it, which are in `answerFirst` meanwhile. */
export function judgedOverRanks(part: RankPart): { judged: JudgedModel; end(): void } {
  const { card, calibration, weights, history } = part.model;
  const ask = (question: Question, { count, hashes, addresses }: Hashed): Float64Array => {
    const out = new Float64Array(count);
    const block = new HashedEvents();
    for (let from = 0; from < count; from += BLOCK) {
      block.count = Math.min(BLOCK, count - from);
      block.hashes = hashes.subarray(from * 2, (from + block.count) * 2);
      block.addresses = addresses.subarray(from * 4, (from + block.count) * 4);
      part.ranks.broadcast(Uint8Array.of(QUESTIONS.indexOf(question)), 0);
      const rows = askOwners(part, block, (events) => numbersOf(part.model, question, events));
      for (const [i, row] of rows.entries()) out[from + i] = new Float64Array(row.slice().buffer)[0];
    }
    return out;
  };
  return {
    judged: {
      card,
      calibration,
      prefixes: weights.prefixes,
      tables: history.groups.map(({ table }) => table),
      anomalies: (events) => ask('anomalies', hashedOf(events)),
      logRatios: (events) => ask('logRatios', hashedOf(events)),
      dotProducts: (events) => Float32Array.from(ask('dotProducts', hashedOf(events))),
      eventsOf: (entities) => ask('eventsOf', namesOf(entities)),
    },
    end: () => {
      part.ranks.broadcast(Uint8Array.of(QUESTIONS.indexOf('end')), 0);
    },
  };
}

/** Answers what the first rank asks about accounts of this one, until it has no more to ask. */
export function answerFirst(part: RankPart): void {
  for (;;) {
    const question = QUESTIONS[part.ranks.broadcast(undefined, 0)[0]];
    if (question === 'end') return;
    askOwners(part, new HashedEvents(), (events) => numbersOf(part.model, question, events));
  }
}

function numbersOf(model: Model, question: Question, events: HashedEvents): ByteRows {
  const rows = new ByteRows();
  const numbers = answers(model, question, events);
  const number = new Float64Array(1);
  const bytes = new Uint8Array(number.buffer);
  for (number[0] of numbers) rows.add(bytes);
  return rows;
}

function answers(model: Model, question: Question, events: HashedEvents): Iterable<number> {
  if (question === 'eventsOf') {
    const { seen, history } = model;
    return Array.from({ length: events.count }, (_, i) => {
      const number = seen.find(events.hashes[i * 2], events.hashes[i * 2 + 1]);
      return number < 0 ? -1 : history.eventsOf(number);
    });
  }
  if (question === 'dotProducts') return model.neural.dotProductsOf(events);
  return question === 'anomalies' ? model.anomalies(events) : model.logRatios(events);
}

type Hashed = Pick<HashedEvents, 'count' | 'hashes' | 'addresses'>;

function hashedOf({ count, entity, entities, addresses }: Events): Hashed {
  const hashes = new Uint32Array(count * 2);
  for (let i = 0; i < count; i++) hashes.set(entities.hashOf(entity[i]), i * 2);
  return { count, hashes, addresses };
}

/** Entities as events from nowhere. */
function namesOf(entities: EntityDictionary): Hashed {
  const { count } = entities;
  const hashes = new Uint32Array(count * 2);
  for (let e = 0; e < count; e++) hashes.set(entities.hashOf(e), e * 2);
  return { count, hashes, addresses: new Uint32Array(count * 4) };
}
