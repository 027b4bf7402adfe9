import { type Events, selectEvents } from './events.ts';
import { SECONDS_PER_DAY } from './time.ts';

/** The latest time that a clock which is a little wrong may have written. @param now seconds since 1970 */
export const latestTime = (now: number): number => now + SECONDS_PER_DAY;

/**
 * The events without those more than a day ahead of now, as a clock that is wrong would make all later events old ones.
 * @param now seconds since 1970
 */
export function withoutFuture(events: Events, now: number): { events: Events; ahead: number } {
  const latest = latestTime(now);
  // Comparisons with NaN, the missing time, are false.
  const ahead = events.time.reduce((count, time) => count + (time > latest ? 1 : 0), 0);
  if (ahead === 0) return { events, ahead };
  const kept = Uint32Array.from(events.time.keys()).filter((i) => !(events.time[i] > latest));
  return { events: selectEvents(events, kept), ahead };
}
