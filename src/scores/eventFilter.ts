import { type AddressWords, explainBadAddress, parseAddress } from '../addresses/address.ts';
import { NO_GROUP } from '../addresses/groupTable.ts';
import { InputError, quoted } from '../errors.ts';
import type { Verdict } from '../model/model.ts';
import type { EventIndex, EventOrder, GroupColumn } from './eventIndex.ts';
import { VERDICTS } from './scoredEvents.ts';

/** What stands in the column of labels. */
export const LABELS = ['none', 'honest', 'attack'] as const;
export type EventLabel = (typeof LABELS)[number];

/** Which events: all that every given condition holds for. */
export interface EventConditions {
  /** part of the account's name, in any case of letters */
  account?: string | undefined;
  /** the account's whole name */
  entity?: string | undefined;
  network?: Network | undefined;
  /** part of a provider's name, its number as AS64500, or a country's two letters */
  provider?: string | undefined;
  verdict?: Verdict | undefined;
  label?: EventLabel | undefined;
  /** seconds since 1970, first and last; events without a time are left out */
  from?: number | undefined;
  to?: number | undefined;
  /** at least so strange, in nats */
  leastAnomaly?: number | undefined;
  /** positions, first and last */
  first?: number | undefined;
  last?: number | undefined;
}

export interface Network {
  words: AddressWords;
  /** of 128 */
  bits: number;
}

/**
 * An address, or a network as 198.51.100.0/24; bits beyond the length do not matter.
 * @param place how messages call the text
 * @throws InputError where it is neither
 */
export function parseNetwork(text: string, place: string): Network {
  const [address, length, ...rest] = text.trim().split('/');
  const words = parseAddress(address);
  if (!words) {
    throw new InputError(
      `${place}: expected an address or a network as 198.51.100.0/24, got ${quoted(text)}: ${explainBadAddress(address)}.`,
    );
  }
  const width = address.includes(':') ? 128 : 32;
  if (length === undefined) return { words, bits: 128 };
  if (rest.length > 0 || !/^\d{1,3}$/.test(length) || Number(length) > width) {
    throw new InputError(
      `${place}: expected a length from 0 to ${width} after the slash, got ${quoted(text)}.`,
    );
  }
  return { words, bits: 128 - width + Number(length) };
}

/** Filters that people have in use at a time; what each has found is kept. */
const KEPT = 4;

interface Found {
  key: string;
  /** u8[N]: 1 where the event is meant */
  passes: Uint8Array;
  count: number;
  positions: Partial<Record<EventOrder, Uint32Array>>;
}

/** Finds events. Those that the last filters let through are kept. */
export class EventFinder {
  readonly #index: EventIndex;
  #kept: Found[] = [];

  constructor(index: EventIndex) {
    this.#index = index;
  }

  /**
   * The positions of the events that a filter lets through.
   * @param labels        u8[≥ N], index into LABELS
   * @param labelsVersion changes with them
   */
  find(
    conditions: EventConditions,
    order: EventOrder,
    labels: Uint8Array,
    labelsVersion: number,
  ): Uint32Array {
    const { network, ...others } = conditions;
    const asked = [network && [...network.words, network.bits], others];
    const version = [this.#index.version, conditions.label && labelsVersion];
    const key = JSON.stringify([asked, version]);
    let found = this.#kept.find((one) => one.key === key);
    if (!found) {
      const passes = passing(this.#index, conditions, labels);
      let count = 0;
      for (let i = 0; i < passes.length; i++) count += passes[i];
      found = { key, passes, count, positions: {} };
    }
    this.#kept = [found, ...this.#kept.filter((one) => one !== found)].slice(0, KEPT);
    found.positions[order] ??= inOrder(found, this.#index.order(order));
    return found.positions[order];
  }
}

function inOrder({ passes, count }: Found, order: Uint32Array): Uint32Array {
  if (count === order.length) return order;
  const positions = new Uint32Array(count);
  let at = 0;
  for (let k = 0; k < order.length && at < count; k++) if (passes[order[k]] === 1) positions[at++] = order[k];
  return positions;
}

/** @returns u8[N] */
function passing(index: EventIndex, conditions: EventConditions, labels: Uint8Array): Uint8Array {
  const { events, count } = index;
  const passes = new Uint8Array(count).fill(1);
  const { account, entity, network, provider, verdict, label, from, to, leastAnomaly } = conditions;
  // One condition after the other, each through its own column: a million take some milliseconds.
  if (account !== undefined) {
    const { entity: entities } = events;
    const wanted = index.names.find(account);
    for (let i = 0; i < count; i++) passes[i] &= wanted[entities[i]];
  }
  if (entity !== undefined) {
    const { entity: entities } = events;
    const wanted = events.entities.find(entity);
    for (let i = 0; i < count; i++) if (entities[i] !== wanted) passes[i] = 0;
  }
  if (network) keepNetwork(passes, events.addresses, network);
  if (provider !== undefined) keepProvider(passes, index, provider);
  if (verdict !== undefined) keepValue(passes, events.verdict, VERDICTS.indexOf(verdict));
  if (label !== undefined) keepValue(passes, labels, LABELS.indexOf(label));
  if (from !== undefined || to !== undefined) {
    const { time } = events;
    const [first, last] = [from ?? Number.NEGATIVE_INFINITY, to ?? Number.POSITIVE_INFINITY];
    for (let i = 0; i < count; i++) if (!(time[i] >= first && time[i] <= last)) passes[i] = 0;
  }
  if (leastAnomaly !== undefined) {
    const { anomaly } = events;
    for (let i = 0; i < count; i++) if (!(anomaly[i] >= leastAnomaly)) passes[i] = 0;
  }
  if (conditions.first !== undefined) passes.fill(0, 0, Math.max(0, conditions.first));
  if (conditions.last !== undefined) passes.fill(0, Math.max(0, conditions.last + 1));
  return passes;
}

function keepValue(passes: Uint8Array, column: Uint8Array, value: number): void {
  for (let i = 0; i < passes.length; i++) if (column[i] !== value) passes[i] = 0;
}

function keepNetwork(passes: Uint8Array, addresses: AddressWords, { words, bits }: Network): void {
  for (let word = 0; word < 4 && bits > word * 32; word++) {
    const length = Math.min(32, bits - word * 32);
    const mask = length === 32 ? 0xffffffff : ~(2 ** (32 - length) - 1);
    const wanted = words[word] & mask;
    for (let i = 0; i < passes.length; i++) if ((addresses[i * 4 + word] & mask) !== wanted) passes[i] = 0;
  }
}

function keepProvider(passes: Uint8Array, { groups }: EventIndex, text: string): void {
  const columns = groupsMeant(groups, text.trim()).map((column) => ({
    ...column,
    wanted: wantedGroups(column),
  }));
  for (let i = 0; i < passes.length; i++) {
    if (passes[i] === 0) continue;
    let isWanted = 0;
    for (const { group, wanted } of columns) isWanted |= wanted[group[i]];
    passes[i] = isWanted;
  }
}

type Meant = GroupColumn & { text: string };

/** Two letters are a country's where there is a table of them; anything else belongs to a provider. */
function groupsMeant(groups: GroupColumn[], text: string): Meant[] {
  const isCountry = text.length === 2 && groups.some(({ table }) => table.parts.kind === 'country');
  return groups
    .filter(({ table }) => (table.parts.kind === 'country') === isCountry)
    .map((column) => ({ ...column, text: text.toLowerCase() }));
}

/** @returns u8[G]: 1 for each group that the text means */
function wantedGroups({ table, names, text }: Meant): Uint8Array {
  const { kind, ids } = table.parts;
  const wanted = new Uint8Array(table.count);
  const number = /^as(\d{1,10})$/.exec(text)?.[1];
  for (let group = NO_GROUP + 1; group < wanted.length; group++) {
    const isMeant =
      kind === 'country'
        ? table.label(group).toLowerCase() === text
        : number !== undefined
          ? ids[group] === Number(number)
          : names[group].includes(text);
    if (isMeant) wanted[group] = 1;
  }
  return wanted;
}
