import { counted, InputError } from '../errors.ts';
import { type Events, selectEvents } from '../events/events.ts';
import { SECONDS_PER_DAY } from '../events/time.ts';
import { PURPOSE, permutation, RandomStream } from '../random/philox.ts';
import type { EventCounts, HonestTraffic, LabelledEvents } from './evaluation.ts';

/** @throws InputError where no event is of a known account */
export function chooseKnownEvents(
  events: Events,
  isKnown: Uint8Array,
  name: string,
  trainName: string,
): { events: Events; counts: EventCounts } {
  const known = positionsWhere(events.count, (i) => isKnown[events.entity[i]] === 1);
  if (known.length === 0) throw noKnownAccount(events, name, trainName);
  return { events: selectEvents(events, known), counts: countsOf(events, known.length) };
}

/** Labelled events of known accounts, apart by label and by kind. */
export interface KnownLabelledEvents {
  counts: EventCounts;
  honest: Events;
  attacks: Events;
  /** each kind of honest events, where there is more than one */
  honestKinds: [kind: string, events: Events][];
  /** each kind of attack, where there is more than one */
  attackKinds: [kind: string, events: Events][];
}

/** @throws InputError where honest events or attacks are missing */
export function chooseLabelledEvents(
  { events, labels, kinds }: LabelledEvents,
  isKnown: Uint8Array,
  name: string,
  trainName: string,
): KnownLabelledEvents {
  const known = positionsWhere(events.count, (i) => isKnown[events.entity[i]] === 1);
  requireBothLabels(labels, name, '');
  if (known.length === 0) throw noKnownAccount(events, name, trainName);
  requireBothLabels(
    known.map((i) => labels[i]),
    name,
    ' of accounts seen in training',
  );
  const ofLabel = (label: number) => known.filter((i) => labels[i] === label);
  const byKind = (label: number): [string, Events][] => {
    const positions = ofLabel(label);
    const names = [...new Set(Array.from(positions, (i) => kinds[i]))];
    if (names.length < 2) return [];
    return names.sort().map((kind) => [
      kind,
      selectEvents(
        events,
        positions.filter((i) => kinds[i] === kind),
      ),
    ]);
  };
  return {
    counts: countsOf(events, known.length),
    honest: selectEvents(events, ofLabel(0)),
    attacks: selectEvents(events, ofLabel(1)),
    honestKinds: byKind(0),
    attackKinds: byKind(1),
  };
}

function requireBothLabels(labels: Uint8Array | Uint32Array, name: string, which: string): void {
  if (labels.includes(0) && labels.includes(1)) return;
  const got = labels.includes(1) ? 'attacks' : 'honest events';
  throw new InputError(
    `${name}: expected honest events (label 0) and attacks (label 1)${which}, got ${got} only.`,
  );
}

function noKnownAccount(events: Events, name: string, trainName: string): InputError {
  return new InputError(
    `${name}: expected events of accounts seen in training, got ${counted(events.count, 'event')} of other accounts only. Check that ${trainName} and ${name} name accounts in the same way.`,
  );
}

function countsOf(events: Events, known: number): EventCounts {
  return { events: events.count, eventsOfKnownAccounts: known, eventsLeftOut: events.count - known };
}

function positionsWhere(count: number, holds: (i: number) => boolean): Uint32Array {
  const positions = new Uint32Array(count);
  let found = 0;
  for (let i = 0; i < count; i++) if (holds(i)) positions[found++] = i;
  return positions.subarray(0, found);
}

/** Disjoint places of honest events, each ascending. */
export interface HonestSplit {
  evaluation: Uint32Array;
  /** as many as `evaluation` */
  calibration: Uint32Array;
  /** all that are not in `evaluation` */
  outsideEvaluation: Uint32Array;
}

/**
 * Draws a sample to measure rates on, and another one to set thresholds on, so that a threshold is not judged by the
 * events that set it. Where there are too few events, halves.
 * @throws InputError where there are fewer than two events
 */
export function splitHonestEvents(
  count: number,
  sampleSize: number,
  seed: number,
  name: string,
): HonestSplit {
  if (count < 2) {
    throw new InputError(
      `${name}: expected at least 2 honest events of accounts seen in training (one to set thresholds, one to measure), got ${count}.`,
    );
  }
  const order = permutation(count, new RandomStream(seed, PURPOSE.sampling));
  const size = Math.min(sampleSize, Math.floor(count / 2));
  return {
    evaluation: order.slice(0, size).sort(),
    calibration: order.slice(size, 2 * size).sort(),
    outsideEvaluation: order.slice(size).sort(),
  };
}

const SECONDS_PER_HOUR = 3600;

/** How much honest traffic there is a day, or why that cannot be said. */
export function honestTraffic({ count, time }: Events, name: string): HonestTraffic | string {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  let missing = 0;
  for (let i = 0; i < count; i++) {
    if (Number.isNaN(time[i])) missing++;
    else {
      if (time[i] < first) first = time[i];
      if (time[i] > last) last = time[i];
    }
  }
  if (missing > 0) {
    return `${missing === count ? 'none' : `not all`} of the events in ${name} have a time (third column)`;
  }
  // Less than an hour says nothing about a day.
  if (last - first < SECONDS_PER_HOUR) return `the events in ${name} span less than an hour`;
  const days = (last - first) / SECONDS_PER_DAY;
  return { days, eventsPerDay: count / days };
}
