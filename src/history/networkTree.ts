import { cutHigh, cutLow } from '../addresses/prefixBits.ts';
import type { PlaceColumns } from './accountPlaces.ts';
import type { History } from './history.ts';

/** A network that an account uses, and those in it that are told apart. */
export interface NetworkNode {
  ipv4: boolean;
  /** of its prefix */
  length: number;
  /** its first address, IPv4, or the first 64 bits of it */
  high: number;
  low: number;
  /** its places are [from, to) of the columns */
  columns: PlaceColumns;
  from: number;
  to: number;
  events: number;
  /** days since 1970; 0 where unknown */
  lastDay: number;
  /** ascending, at least two; none: its places are summed up */
  children: NetworkNode[];
}

/**
 * Lengths that networks are told apart at, from wide to narrow: borders that people think in. A picture of all rungs would
 * have more columns than anybody reads.
 */
const IPV4_LENGTHS = [8, 16, 24, 32] as const;
const IPV6_LENGTHS = [32, 48, 64] as const;
/** Between two of them, for where the narrower one would be too many. */
const BETWEEN: Record<number, number> = { 16: 12, 24: 20, 32: 28, 48: 40, 64: 56 };

export interface NetworkTree {
  /** IPv4, then IPv6, ascending */
  roots: NetworkNode[];
  /** places in networks of `roots` that were left out, and their events */
  leftOut: { places: number; events: number };
}

/**
 * An account's networks, nested. A network with one network in it is that one. The most used are told apart further, as long as
 * no more than `most` stand at the end; what is not told apart is summed up. Of an account that was nearly everywhere the least used
 * of the widest networks are left out, so that half of the room is for what is in the others.
 * @param entity its number
 */
export function networkTree({ places }: History, entity: number, most: number): NetworkTree {
  const all = [true, false].flatMap((ipv4) => {
    const { columns, from, to } = places.find(entity, ipv4, places.segment());
    return from === to ? [] : divided(columns, from, to, lengthsOf(ipv4)[0]);
  });
  const ranked = all.toSorted(byUse);
  const widest = Math.max(1, Math.floor(most / 2));
  const kept = new Set(ranked.slice(0, widest));
  const leftOut = { places: 0, events: 0 };
  for (const { from, to, events } of ranked.slice(widest)) {
    leftOut.places += to - from;
    leftOut.events += events;
  }
  tellApart(kept, most);
  return { roots: all.filter((node) => kept.has(node)), leftOut };
}

const byUse = (a: NetworkNode, b: NetworkNode) => b.events - a.events || b.to - b.from - (a.to - a.from);

/**
 * Divides networks, the most used first, while there is room for what is in them. Those with less than their part of all events
 * are as clear summed up.
 */
function tellApart(roots: Set<NetworkNode>, most: number): void {
  let ends = roots.size;
  let events = 0;
  for (const node of roots) events += node.events;
  const isWorth = ({ from, to, events: own }: NetworkNode) => to - from > 1 && own * most >= events;
  const waiting = [...roots].filter(isWorth).sort(byUse);
  for (let node = waiting.shift(); node; node = waiting.shift()) {
    const children = childrenOf(node, most - ends + 1);
    if (children.length === 0) continue;
    ends += children.length - 1;
    node.children = children;
    // Few are waiting: at most `most`.
    waiting.push(...children.filter(isWorth));
    waiting.sort(byUse);
  }
}

/** @returns the networks in one, if there are no more than `room` at the next length or between */
function childrenOf({ ipv4, length, columns, from, to }: NetworkNode, room: number): NetworkNode[] {
  const next = lengthsOf(ipv4).find((one) => one > length);
  if (next === undefined) return [];
  const children = divided(columns, from, to, next);
  if (children.length <= room) return children;
  const between = BETWEEN[next];
  const fewer = between > length ? divided(columns, from, to, between) : [];
  return fewer.length <= room && fewer.length > 1 ? fewer : [];
}

const lengthsOf = (ipv4: boolean): readonly number[] => (ipv4 ? IPV4_LENGTHS : IPV6_LENGTHS);

/** Networks of one length in places [from, to), each as narrow as holds the same places. */
function divided(columns: PlaceColumns, from: number, to: number, length: number): NetworkNode[] {
  const narrower = lengthsOf(columns.ipv4).filter((one) => one > length);
  const nodes: NetworkNode[] = [];
  let start = from;
  for (let place = from + 1; place <= to; place++) {
    if (place < to && isWithin(columns, start, place, length)) continue;
    const narrowest = narrower.findLast((one) => isWithin(columns, start, place - 1, one)) ?? length;
    nodes.push(nodeOf(columns, start, place, narrowest));
    start = place;
  }
  return nodes;
}

/** Whether two places are in one network; so are those between them. */
function isWithin(columns: PlaceColumns, a: number, b: number, length: number): boolean {
  const [highA, highB] = [columns.high[a], columns.high[b]];
  if (cutHigh(highA, length) !== cutHigh(highB, length)) return false;
  return columns.ipv4 || cutLow(columns.low[a], length) === cutLow(columns.low[b], length);
}

function nodeOf(columns: PlaceColumns, from: number, to: number, length: number): NetworkNode {
  const { ipv4 } = columns;
  let events = 0;
  let lastDay = 0;
  for (let at = from; at < to; at++) {
    events += columns.events[at];
    lastDay = Math.max(lastDay, columns.day[at]);
  }
  const high = cutHigh(columns.high[from], length);
  const low = ipv4 ? 0 : cutLow(columns.low[from], length);
  return { ipv4, length, high, low, columns, from, to, events, lastDay, children: [] };
}
