import type { AddressWords } from '../addresses/address.ts';
import { toldByAll, totals } from '../mpi/ofAllRanks.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { EntityDictionary, type Events } from './events.ts';

/** The part of an input's events that one rank has. */
export interface RankEvents {
  events: Events;
  /** number of each among the events of all ranks, in the order of the input; ascending */
  index: Float64Array; // (N)
  /** events of all ranks */
  total: number;
}

/** Of every event: its time, its number, its address, its entity's number in the message. */
const BYTES_OF_EVENT = 8 + 8 + 16 + 4;
const BYTES_OF_ENTITY = 8;
/** How many events, how many entities. */
const HEAD_BYTES = 16;

/**
 * Sends every event, once, to the rank that has its entity. What travels are hashes of names, not names.
 * @param read    what this rank has read
 * @param ownerOf the rank of an entity, by the two words of its hash
 * @param numbers number of each event in the whole input, ascending; undefined: what ranks have read follows each other by rank
 */
export function routeEvents(
  ranks: Ranks,
  read: Events,
  ownerOf: (low: number, high: number) => number,
  numbers?: Float64Array,
): RankEvents {
  const before = countsBefore(ranks, read.count);
  const first = before[ranks.rank];
  const messages = pack(ranks.size, read, numbers ? (i) => numbers[i] : (i) => first + i, ownerOf);
  return { ...unpack(ranks.exchange(messages)), total: before[ranks.size] };
}

/** How many events the ranks before each one have, and all: [size + 1]. */
function countsBefore(ranks: Ranks, count: number): number[] {
  const before = [0];
  for (const own of toldByAll(ranks, count)) before.push(before[before.length - 1] + own);
  return before;
}

/** The columns of one message. */
interface Message {
  bytes: Uint8Array;
  head: Float64Array; // (2)
  time: Float64Array;
  index: Float64Array;
  hashes: Uint32Array; // (entities, 2)
  entity: Uint32Array;
  addresses: AddressWords; // (events, 4)
}

function messageOf(events: number, entities: number, bytes?: Uint8Array): Message {
  const size = HEAD_BYTES + BYTES_OF_EVENT * events + BYTES_OF_ENTITY * entities;
  const all = bytes ?? new Uint8Array(size);
  const at = (offset: number) => all.byteOffset + HEAD_BYTES + offset;
  const { buffer } = all;
  const words = 16 * events + BYTES_OF_ENTITY * entities;
  return {
    bytes: all,
    head: new Float64Array(buffer, all.byteOffset, 2),
    time: new Float64Array(buffer, at(0), events),
    index: new Float64Array(buffer, at(8 * events), events),
    hashes: new Uint32Array(buffer, at(16 * events), entities * 2),
    entity: new Uint32Array(buffer, at(words), events),
    addresses: new Uint32Array(buffer, at(words + 4 * events), events * 4),
  };
}

function pack(
  size: number,
  { count, entities, entity, addresses, time }: Events,
  numberOf: (event: number) => number,
  ownerOf: (low: number, high: number) => number,
): Uint8Array[] {
  const owner = new Uint32Array(entities.count);
  // Numbers of entities in the message to their owner.
  const number = new Uint32Array(entities.count);
  const entitiesTo = new Uint32Array(size);
  for (let e = 0; e < entities.count; e++) {
    const [low, high] = entities.hashOf(e);
    owner[e] = ownerOf(low, high);
    number[e] = entitiesTo[owner[e]]++;
  }
  const eventsTo = new Float64Array(size);
  for (let i = 0; i < count; i++) eventsTo[owner[entity[i]]]++;
  const messages = Array.from(eventsTo, (events, rank) => messageOf(events, entitiesTo[rank]));
  for (const [rank, { head }] of messages.entries()) head.set([eventsTo[rank], entitiesTo[rank]]);
  for (let e = 0; e < entities.count; e++) messages[owner[e]].hashes.set(entities.hashOf(e), number[e] * 2);
  const next = new Float64Array(size);
  for (let i = 0; i < count; i++) {
    const to = owner[entity[i]];
    const message = messages[to];
    const at = next[to]++;
    message.time[at] = time[i];
    message.index[at] = numberOf(i);
    message.entity[at] = number[entity[i]];
    for (let word = 0; word < 4; word++) message.addresses[at * 4 + word] = addresses[i * 4 + word];
  }
  return messages.map(({ bytes }) => bytes);
}

/** Messages of the ranks, each in the order of the input, in that order together. */
function unpack(received: Uint8Array[]): { events: Events; index: Float64Array } {
  const messages = received.map((bytes) => {
    // Numbers of 8 bytes must begin at a multiple of 8.
    const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
    const [events, entities] = new Float64Array(aligned.buffer, aligned.byteOffset, 2);
    return messageOf(events, entities, aligned);
  });
  const count = messages.reduce((sum, { time }) => sum + time.length, 0);
  const entities = new EntityDictionary();
  const entity = new Uint32Array(count);
  const addresses = new Uint32Array(count * 4);
  const time = new Float64Array(count);
  const index = new Float64Array(count);
  const numbers = messages.map(({ hashes }) => new Int32Array(hashes.length / 2).fill(UNNAMED));
  let at = 0;
  for (const { from, start, end } of stretches(messages.map(({ index }) => index))) {
    const message = messages[from];
    const known = numbers[from];
    for (let i = start; i < end; i++) {
      const e = message.entity[i];
      if (known[e] === UNNAMED) known[e] = entities.addHash(message.hashes[e * 2], message.hashes[e * 2 + 1]);
      entity[at + i - start] = known[e];
    }
    addresses.set(message.addresses.subarray(start * 4, end * 4), at * 4);
    time.set(message.time.subarray(start, end), at);
    index.set(message.index.subarray(start, end), at);
    at += end - start;
  }
  return { events: { count, entities, entity, addresses, time }, index };
}

/** Of an entity whose first event has not come. */
const UNNAMED = -1;

/** What of ascending lists follows each other, where all are put into one: entries [start, end) of list `from`. */
function* stretches(lists: Float64Array[]): Generator<{ from: number; start: number; end: number }> {
  const starts = lists.map(() => 0);
  const next = (list: number) => lists[list][starts[list]] ?? Number.POSITIVE_INFINITY;
  for (;;) {
    let from = 0;
    let limit = Number.POSITIVE_INFINITY;
    for (let list = 1; list < lists.length; list++) {
      if (next(list) < next(from)) {
        limit = next(from);
        from = list;
      } else {
        limit = Math.min(limit, next(list));
      }
    }
    const start = starts[from];
    let end = start;
    while (end < lists[from].length && lists[from][end] < limit) end++;
    if (end === start) return;
    starts[from] = end;
    yield { from, start, end };
  }
}

/** How many distinct entities have events on some rank; a dictionary may know others, whose events were left out. */
export function countEntities(ranks: Ranks, { count, entity, entities }: Events): number {
  const hasEvents = new Uint8Array(entities.count);
  for (let i = 0; i < count; i++) hasEvents[entity[i]] = 1;
  const entitiesTo = new Uint32Array(ranks.size);
  for (let e = 0; e < entities.count; e++) entitiesTo[entities.hashOf(e)[0] % ranks.size] += hasEvents[e];
  const parts = Array.from(entitiesTo, (count) => new Uint32Array(count * 2));
  const next = new Uint32Array(ranks.size);
  for (let e = 0; e < entities.count; e++) {
    if (hasEvents[e] === 0) continue;
    const hash = entities.hashOf(e);
    const to = hash[0] % ranks.size;
    parts[to].set(hash, next[to]);
    next[to] += 2;
  }
  const received = ranks.exchange(parts.map((words) => new Uint8Array(words.buffer)));
  const distinct = new EntityDictionary();
  for (const bytes of received) {
    const words = new Uint32Array(bytes.slice().buffer);
    for (let i = 0; i < words.length; i += 2) distinct.addHash(words[i], words[i + 1]);
  }
  const [total] = totals(ranks, distinct.count);
  return total;
}
