import type { Events } from '../events/events.ts';
import { selectEvents } from '../events/events.ts';
import {
  drawAnnouncedAttacks,
  drawListedAttacks,
  drawOctetAttacks,
  drawSameGroupAttacks,
  drawSwapAttacks,
  type PartialAttacks,
} from './attackers.ts';
import type { EvaluationData } from './evaluation.ts';
import { GroupedRanges } from './groupedRanges.ts';
import type { AccountHistory } from './history.ts';
import type { KnownLabelledEvents } from './honestSample.ts';
import type { JudgedModel } from './judgedModel.ts';
import { HISTORY_ROWS, positionsByHistory, positionsByNovelty } from './subsets.ts';

/** Attacks of one kind, and the honest events that they are compared with. */
export interface Contest {
  attacker: string;
  title: string;
  honestKind: string | null;
  honest: Events;
  attacks: Events;
  /** each attack belongs to the honest event of its position */
  isPaired: boolean;
}

/** Attacks that are drawn: the tutorial's first. */
export function drawnContests(
  model: JudgedModel,
  honest: Events,
  { ranges, countries, lists = [] }: EvaluationData,
  seed: number,
  notes: string[],
): Contest[] {
  const contests: Contest[] = [];
  const add = (attacker: string, title: string, attacks: Events) =>
    contests.push({ attacker, title, honestKind: null, honest, attacks, isPaired: true });
  const addPartial = (attacker: string, title: string, partial: PartialAttacks | undefined, why: string) => {
    if (!partial) {
      notes.push(`No attacks from ${title}: ${why}.`);
      return;
    }
    const { positions, attacks } = partial;
    const isAll = positions.length === honest.count;
    const among = isAll ? honest : selectEvents(honest, positions);
    contests.push({ attacker, title, honestKind: null, honest: among, attacks, isPaired: true });
    if (!isAll) {
      notes.push(
        `Attacks from ${title}: ${(honest.count - positions.length).toLocaleString('en-US')} honest events left out, ${why}.`,
      );
    }
  };
  const announced = ranges && drawAnnouncedAttacks(honest, ranges.ranges, seed);
  if (announced) add('announced', 'announced ranges', announced);
  else {
    const reason = ranges
      ? `${ranges.identity.name} has no IPv4 range`
      : 'there is no list of ranges. Name one with --ranges';
    notes.push(`No attacks from announced ranges: ${reason}.`);
  }
  add('octets', 'random octets', drawOctetAttacks(honest, model.prefixes, seed));
  const swap = drawSwapAttacks(honest, seed);
  if (swap) add('swap', "another account's address", swap);
  else notes.push("No attacks from other accounts' addresses: all honest events are of one account.");
  if (ranges) {
    const providers = new GroupedRanges([{ ranges: ranges.ranges, groups: ranges.ranges.asns }]);
    const drawn = drawSameGroupAttacks(honest, 'provider', providers, seed);
    addPartial('same_provider', "the victim's provider", drawn, 'their address is in no range of the list');
  }
  if (countries) {
    const drawn = drawSameGroupAttacks(honest, 'country', countries, seed);
    addPartial('same_country', "the victim's country", drawn, 'their address is in no range of the list');
  }
  for (const [which, { name, list }] of lists.entries()) {
    const drawn = drawListedAttacks(honest, list, which, seed);
    addPartial(`list:${name}`, `the list ${name}`, drawn, 'the list has no network of their family');
  }
  return contests;
}

/** Every kind of labelled attack and all together, against every kind of honest events and all together. */
export function labelledContests(labelled: KnownLabelledEvents | undefined): Contest[] {
  if (!labelled) return [];
  const { honest, honestKinds, attacks, attackKinds } = labelled;
  const contests: Contest[] = [];
  for (const [honestKind, honestEvents] of [[null, honest] as const, ...honestKinds]) {
    const common = { honestKind, honest: honestEvents, isPaired: false };
    contests.push({ attacker: 'labelled', title: 'labelled attacks', attacks, ...common });
    for (const [kind, events] of attackKinds) {
      contests.push({
        attacker: `labelled:${kind}`,
        title: `labelled: ${kind || 'no kind'}`,
        attacks: events,
        ...common,
      });
    }
  }
  return contests;
}

/** Honest events that are looked at apart. */
export interface Subset {
  id: string;
  title: string;
  /** which of the honest events, and of the attacks on them */
  positions: Uint32Array;
}

/** A subset of fewer events says nothing. */
const LEAST_EVENTS = 100;

/** Honest events by how new their address is to their account, and by how much is known of that. */
export function subsetsOf(history: AccountHistory, honest: Events): Subset[] {
  const novelty = positionsByNovelty(history, honest);
  const rows = positionsByHistory(history, honest);
  const isNew = Uint32Array.from([...novelty.new_nearby, ...novelty.new_far]).sort();
  const subsets: Subset[] = [
    { id: 'new_address', title: 'addresses new to the account', positions: isNew },
    {
      id: 'new_nearby',
      title: 'new addresses, /16 used before (IPv6: /32)',
      positions: novelty.new_nearby,
    },
    { id: 'new_far', title: 'new /16 (IPv6: /32)', positions: novelty.new_far },
    ...HISTORY_ROWS.map(({ label }, row) => ({
      id: ROW_IDS[row],
      title: `accounts of ${label}`,
      positions: rows[row],
    })),
  ];
  return subsets.filter(({ positions }) => positions.length >= LEAST_EVENTS);
}

const ROW_IDS = ['events_1_to_3', 'events_4_to_10', 'events_11_to_30', 'events_more'];
