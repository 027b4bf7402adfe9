import { type AddressWords, isIpv4 } from '../addresses/address.ts';
import type { Events } from '../events/events.ts';
import { CALIBRATION_ROWS, calibrationRow } from '../model/calibration.ts';

/** What must be known of the accounts' training events; `AccountHistory` knows it. */
export interface KnownHistory {
  /** training events of an entity, 0 for an unknown one */
  eventsOf(entity: number): number;
  /**
   * leading bits that words[4·index, …) shares with the nearest address of the entity's past in the same family: 0 to 32
   * for IPv4, 0 to 128 for IPv6; −1 where it never used that family
   */
  sharedBits(entity: number, words: AddressWords, index: number): number;
}

/**
 * How new an address is to an account: the address was used before; it is new, but shares its /16 (IPv6: /32) with
 * something that was; nothing of it was used, which takes more than habit to judge.
 */
export type Novelty = 'same_address' | 'new_nearby' | 'new_far';

export const NOVELTIES: readonly { novelty: Novelty; label: string }[] = [
  { novelty: 'same_address', label: 'address used before' },
  { novelty: 'new_nearby', label: 'new address, /16 used before (IPv6: /32)' },
  { novelty: 'new_far', label: 'new /16 (IPv6: /32)' },
];

/** Where an address of the other family than all of the account's past is new, it is far. */
export function novelty(history: KnownHistory, entity: number, words: AddressWords, index: number): Novelty {
  const bits = history.sharedBits(entity, words, index);
  const [all, nearby] = isIpv4(words, index) ? [32, 16] : [128, 32];
  if (bits === all) return 'same_address';
  return bits >= nearby ? 'new_nearby' : 'new_far';
}

/** Rows of a table by how many training events an account has: those of the calibration that have any. */
export const HISTORY_ROWS: readonly { most: number; label: string }[] = CALIBRATION_ROWS.slice(1).map(
  ({ title, from, to }) => ({
    most: to,
    label: `${Number.isFinite(to) ? title : `more than ${from - 1}`} training events`,
  }),
);

/** @returns the row of `HISTORY_ROWS` for an account with that many training events, −1 where it has none */
export const historyRow = (events: number): number => calibrationRow(events) - 1;

/** The positions of the events of each novelty, ascending; each event is in one of them. */
export function positionsByNovelty(history: KnownHistory, events: Events): Record<Novelty, Uint32Array> {
  const { count, entity, addresses } = events;
  const positions: Record<Novelty, number[]> = { same_address: [], new_nearby: [], new_far: [] };
  for (let i = 0; i < count; i++) positions[novelty(history, entity[i], addresses, i)].push(i);
  return {
    same_address: Uint32Array.from(positions.same_address),
    new_nearby: Uint32Array.from(positions.new_nearby),
    new_far: Uint32Array.from(positions.new_far),
  };
}

/** The positions of the events of each of `HISTORY_ROWS`, ascending; those of accounts without history are in none. */
export function positionsByHistory(history: KnownHistory, events: Events): Uint32Array[] {
  const positions: number[][] = HISTORY_ROWS.map(() => []);
  for (let i = 0; i < events.count; i++) {
    const row = historyRow(history.eventsOf(events.entity[i]));
    if (row >= 0) positions[row].push(i);
  }
  return positions.map((row) => Uint32Array.from(row));
}
