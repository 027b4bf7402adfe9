import { formatAddress } from '../addresses/address.ts';
import type { Events } from '../events/events.ts';
import type { Habit, StrangeEvent } from './evaluation.ts';
import type { AccountHistory } from './history.ts';

/**
 * The strangest events, at most one of each account, so that one odd account does not fill the list.
 * @param anomalies f64[N]
 */
export function strangestEvents(
  events: Events,
  anomalies: Float64Array,
  history: AccountHistory,
  limit: number,
): StrangeEvent[] {
  const strangest = new Int32Array(events.entities.count).fill(-1);
  for (let i = 0; i < events.count; i++) {
    const entity = events.entity[i];
    if (strangest[entity] < 0 || anomalies[i] > anomalies[strangest[entity]]) strangest[entity] = i;
  }
  return Array.from(strangest.filter((i) => i >= 0))
    .sort((a, b) => anomalies[b] - anomalies[a] || a - b)
    .slice(0, limit)
    .map((i) => ({
      entity: events.entities.name(events.entity[i]),
      address: formatAddress(events.addresses, i),
      time: Number.isNaN(events.time[i]) ? null : events.time[i],
      anomaly: anomalies[i],
      habit: habitOf(events, i, history),
    }));
}

function habitOf({ entity, addresses }: Events, i: number, history: AccountHistory): Habit {
  const trainingEvents = history.eventsOf(entity[i]);
  const used = history.mostUsedNetwork(entity[i])!;
  const nearest = history.nearest(entity[i], addresses, i);
  return {
    trainingEvents,
    network: `${formatAddress(used.words)}/${used.bits}`,
    networkShare: used.events / trainingEvents,
    nearest: nearest ? formatAddress(nearest) : null,
    sharedBits: nearest ? history.sharedBits(entity[i], addresses, i) : null,
  };
}
