import { type AddressWords, formatAddress } from '../addresses/address.ts';
import type { GroupTable } from '../addresses/groupTable.ts';
import { specialBlockOf } from '../addresses/specialPurpose.ts';
import { counted, grouped } from '../errors.ts';
import { formatDay } from '../events/time.ts';
import { bucketOf, elsewhereOf, shareOfOthers } from '../history/mixture.ts';
import { networkAround, PLACE_RUNG, RUNGS, rungsOf } from '../history/rungs.ts';
import type { Model } from './model.ts';

/** Why a score or verdict is what it is: a code for programs, a sentence for people. */
export interface Reason {
  code:
    | 'entity_not_seen'
    | 'address_family_not_seen'
    | 'special_address'
    | 'place_used'
    | 'network_used'
    | 'network_new'
    | 'provider_used'
    | 'provider_new'
    | 'country_new'
    | 'network_common'
    | 'network_rare'
    | 'shared_network'
    | 'often_elsewhere'
    | 'rarely_elsewhere'
    | 'vectors_expect'
    | 'vectors_doubt';
  sentence: string;
}

/** An address that so many accounts used is an office's, a carrier's or a VPN's. */
const SHARED_BY = 5;
/** A network with as much as so many whole accounts is common. */
const COMMON_ACCOUNTS = 3;
/** Nats that the vectors must add or take to be worth a sentence: a factor of e. */
const LOUD = 1;
/** The rung that "how common is this network" speaks of: /24, /48. */
const NETWORK_RUNG = 9;
if (rungsOf(true)[NETWORK_RUNG] !== 24) throw new RangeError('the rung of /24 has moved');

/**
 * Whether nothing is known that a verdict could stand on: the address belongs to nobody, or the entity was never seen and
 * nobody signs in from this family. Of the event that the model has scored last.
 */
export function hasNoBasis(model: Model, words: AddressWords, index: number): boolean {
  const { view } = model.scorer;
  // The family's own rung.
  if (view.places === 0 && view.shares[0] === 0) return true;
  const block = specialBlockOf(words, index);
  return block !== undefined && !model.history.hasWithin(block.words, block.bits);
}

/** Reasons for the score of the event that the model has scored last, the weightiest first. */
export function reasonsFor(
  model: Model,
  entity: number,
  dotProduct: number,
  words: AddressWords,
  index: number,
): Reason[] {
  const { scorer, history } = model;
  const { view } = scorer;
  const reasons: Reason[] = [];
  const add = (code: Reason['code'], sentence: string) => reasons.push({ code, sentence });
  const network = (rung: number) => {
    const bits = rungsOf(view.ipv4)[rung];
    const around = formatAddress(networkAround(words, index, bits));
    return view.ipv4 && rung === PLACE_RUNG ? around : `${around}/${bits}`;
  };
  const block = specialBlockOf(words, index);
  if (block && !history.hasWithin(block.words, block.bits)) {
    add(
      'special_address',
      `This address is ${block.meaning}, so it says nothing about who is behind it, and the account has not used one of its kind.`,
    );
  }
  if (view.places === 0) {
    add(
      'entity_not_seen',
      'This account has no history, so it is judged by where all accounts sign in from.',
    );
  }
  if (view.shares[0] === 0) {
    add(
      'address_family_not_seen',
      `No account has signed in from an ${view.ipv4 ? 'IPv4' : 'IPv6'} address before.`,
    );
  }
  if (view.places > 0) {
    const narrowest = narrowestRung(view.own);
    if (narrowest > 0) {
      const { events, lastDay } = history.eventsIn(narrowest);
      const all = history.eventsOf(entity);
      const last = lastDay === 0 ? '' : `, last on ${formatDay(lastDay)}`;
      const sentence = `The account has used ${network(narrowest)} for ${grouped(events)} of its ${counted(all, 'event')}${last}.`;
      add(narrowest === PLACE_RUNG ? 'place_used' : 'network_used', sentence);
    } else {
      const wide = network(1);
      add('network_new', `The account has never used ${wide}, nor any network within it.`);
    }
  }
  for (const [g, { table }] of history.groups.entries()) addTable(table, g);
  addNeighbours();
  if (view.places > 0) addHabit();
  return reasons;

  function addTable(table: GroupTable, g: number): void {
    const group = table.find(words, index);
    const label = table.label(group);
    if (view.places === 0 || group === 0) return;
    const own = view.own[RUNGS + g];
    if (table.parts.kind === 'country') {
      if (own === 0) add('country_new', `The account has not signed in from ${label} before.`);
      return;
    }
    if (own > 0) {
      add('provider_used', `${percentText(own / view.total)} of the account's addresses are of ${label}.`);
    } else add('provider_new', `${label} is a provider that the account has not used before.`);
  }

  function addNeighbours(): void {
    const sharers = history.accountsAt(words, index);
    if (sharers >= SHARED_BY) {
      add(
        'shared_network',
        `${counted(sharers, 'account')} have used ${network(PLACE_RUNG)}: an office, a carrier or a VPN, which tells little about one of them.`,
      );
    }
    const share = shareOfOthers(view, history.population, NETWORK_RUNG);
    const accounts = history.population.accounts - (view.countedTotal > 0 ? 1 : 0);
    const whose = view.countedTotal > 0 ? counted(accounts, 'other account') : counted(accounts, 'account');
    if (share * accounts >= COMMON_ACCOUNTS) {
      add(
        'network_common',
        `${network(NETWORK_RUNG)} is used by others: ${percentText(share)} of what ${whose} use.`,
      );
    } else if (view.shares[0] > 0 && sharers < SHARED_BY) {
      const text =
        share > 0
          ? `${network(NETWORK_RUNG)} is hardly used by others: ${percentText(share)} of what ${whose} use.`
          : `No other account has used ${network(NETWORK_RUNG)} before.`;
      add('network_rare', text);
    }
  }

  function addHabit(): void {
    const elsewhere = elsewhereOf(scorer.lambda);
    const usual = bucketOf(view.places);
    const isOwn = scorer.lambda !== model.mixture.buckets[usual];
    const whose = isOwn ? 'This account signs in' : 'Accounts with as much history sign in';
    const text = `${whose} from somewhere unrelated to its earlier networks about ${percentText(elsewhere)} of the times that it changes address.`;
    add(
      elsewhere >= OFTEN_ELSEWHERE ? 'often_elsewhere' : 'rarely_elsewhere',
      isOwn ? text : text.replace('its', 'their').replace('it changes', 'they change'),
    );
    const added = model.card.mixture.stacking.neural * dotProduct;
    if (Math.abs(added) < LOUD) return;
    const factor = Math.exp(Math.abs(added));
    const times =
      factor >= 1e6 ? 'a million times or more' : `${factor.toPrecision(2).replace(/e\+.*/, '')} times`;
    if (added > 0) add('vectors_expect', `By what similar accounts use, this address is ${times} as likely.`);
    else add('vectors_doubt', `By what similar accounts use, this address is ${times} less likely.`);
  }
}

/** A tenth: accounts that change to unrelated networks as often are of people who travel. */
const OFTEN_ELSEWHERE = 0.1;

/** The narrowest rung with any of the account's places; −1: none. */
function narrowestRung(own: Float64Array): number {
  let rung = -1;
  for (let k = 0; k < RUNGS; k++) if (own[k] > 0) rung = k;
  return rung;
}

function percentText(share: number): string {
  const value = share * 100;
  if (value >= 99.5 && value < 100) return '> 99 %';
  if (value >= 1 || value === 0) return `${value.toFixed(0)} %`;
  return value < 0.001 ? '< 0.001 %' : `${Number(value.toPrecision(1))} %`;
}
