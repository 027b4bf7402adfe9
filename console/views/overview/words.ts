import type { SavedThreshold } from '../../../src/serve/console/contract.ts';
import { grouped, nats, percent } from '../../text.tsx';

/** `about 1 in 95`; what is below one of all measured events says so */
export function oneIn(share: number, events: number): string {
  if (share === 0) return `fewer than 1 in ${grouped(events)}`;
  if (share >= 0.1) return `${Math.round(100 * share)} of 100`;
  return `about 1 in ${grouped(1 / share)}`;
}

/** `1.05 %`, `< 0.001 %`: below one event of those measured no share can be told */
export const rateText = (share: number, events: number) =>
  share === 0 ? `< ${percent(1 / events)}` : percent(share);

/** Alerts a day by a rate; `fewer than 25` where none of the measured events was flagged. */
export function alertsText(share: number, events: number, perDay: number): string {
  if (share === 0) return `fewer than ${amount(perDay / events)}`;
  return amount(share * perDay);
}

/** `3,217`, `4.2`, `0.03` */
export function amount(value: number): string {
  if (value >= 10) return grouped(value);
  return String(Number(value.toPrecision(value >= 1 ? 2 : 1)));
}

/** What a threshold was asked to do. */
export function ruleText({ rule, limit }: SavedThreshold): string {
  if (rule === 'manual' || limit === null) return 'set by hand';
  return rule === 'max_fpr'
    ? `at most ${percent(limit)} of honest events`
    : `at most ${amount(limit)} ${limit === 1 ? 'alert' : 'alerts'} a day`;
}

export const thresholdName = (threshold: SavedThreshold | null) =>
  threshold === null ? 'none' : `${nats(threshold.anomaly)} (${ruleText(threshold)})`;

const ATTACKERS: Record<string, [title: string, meaning: string]> = {
  announced: ['Random announced network', 'any address of any announced network, as in the AWS tutorial'],
  octets: ['Random address', 'each octet drawn at random, as AWS validates'],
  swap: ["Another account's address", 'an address that another account really uses'],
  same_provider: ["Victim's own provider", "an address of the victim's provider, not of their own network"],
  same_country: ["Victim's own country", "an address of the victim's country, not of their own network"],
  labelled: ['Labelled attacks', 'attacks of the labelled file'],
};

/** How an attacker is called, and what it does. */
export function attackerWords({ attacker, title }: { attacker: string; title?: string }): [string, string] {
  const known = Object.hasOwn(ATTACKERS, attacker) ? ATTACKERS[attacker] : undefined;
  if (known) return known;
  if (attacker.startsWith('list:')) return [attacker.slice(5), 'addresses of this list'];
  return [title ?? attacker, attacker.startsWith('labelled:') ? 'attacks with this label' : ''];
}
