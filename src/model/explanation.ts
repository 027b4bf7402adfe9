import { type AddressWords, formatAddress } from '../addresses/address.ts';
import { logRatio, shareOfOthers } from '../history/mixture.ts';
import { networkAround, PLACE_RUNG, RUNGS, rungsOf } from '../history/rungs.ts';
import type { Assessment, Model } from './model.ts';
import type { Reason } from './reasons.ts';

/** One rung of the ladder around an address, or what is no rung: anywhere, and where everybody goes. */
export interface LadderStep {
  /** `198.51.100.0/24`, `AS64500 Example`, `anywhere` */
  network: string;
  /** the account's places in it, and what share of its places they are; null where that means nothing */
  ownPlaces: number | null;
  ownShare: number | null;
  /** how probable the network is in general: the mean over the other accounts of their share in it */
  background: number | null;
  /** likelihood ratio of the account's own behaviour to an attacker's, if it came by this rung */
  ratio: number;
  /** the rung's weight: how often the account comes by it */
  weight: number;
  /** its part of L; they sum to 1 */
  share: number;
}

/** A score taken apart. */
export interface Explanation extends Assessment {
  entity: string;
  address: string;
  /** suspicious from there on; null without a threshold */
  threshold: number | null;
  /** wide to narrow, then providers, then what is no rung */
  steps: LadderStep[];
  /** ln L of the history */
  logRatio: number;
  /** the terms of −anomaly, in nats: they sum to it */
  terms: { intercept: number; history: number; vectors: number };
  reasons: Reason[];
}

/**
 * Takes the score of an event apart.
 * @param hash           low and high word of the entity's hash
 * @param givenThreshold suspicious at this anomaly and above; default: the model's own
 */
export function explain(
  model: Model,
  entity: string,
  [hashLow, hashHigh]: Uint32Array | [number, number],
  words: AddressWords,
  givenThreshold?: number,
): Explanation {
  const assessed = model.assess(hashLow, hashHigh, words, 0, givenThreshold);
  const reasons = model.reasons();
  const number = model.seen.find(hashLow, hashHigh);
  const { scorer, mixture, history } = model;
  const { view, ratios, placeRatio, lambda, stacking } = scorer;
  const isStranger = view.places === 0;
  const repeats = isStranger ? 0 : mixture.repeatShare;
  const logL = logRatio(mixture, view.places, lambda, ratios, placeRatio);
  const L = Math.exp(logL);
  const step = (network: string, rung: number | null, ratio: number, weight: number): LadderStep => ({
    network,
    ownPlaces: rung === null ? null : view.own[rung],
    ownShare: rung === null || isStranger ? null : view.own[rung] / view.total,
    background: rung === null ? null : shareOfOthers(view, history.population, rung),
    ratio,
    weight,
    share: (weight * ratio) / L,
  });
  const lengths = rungsOf(view.ipv4);
  const steps: LadderStep[] = [];
  for (let k = 0; k < PLACE_RUNG; k++) {
    const around = `${formatAddress(networkAround(words, 0, lengths[k]))}/${lengths[k]}`;
    const name = lengths[k] === 0 ? (view.ipv4 ? 'IPv4' : 'IPv6') : around;
    steps.push(step(name, k, ratios[k + 2], (1 - repeats) * lambda[k + 2]));
  }
  const place = formatAddress(networkAround(words, 0, lengths[PLACE_RUNG]));
  const placeName = view.ipv4 ? place : `${place}/${lengths[PLACE_RUNG]}`;
  steps.push(step(placeName, PLACE_RUNG, placeRatio, repeats));
  for (const [g, { table }] of history.groups.entries()) {
    const x = RUNGS + 1 + g;
    steps.push(step(table.label(table.find(words)), RUNGS + g, ratios[x], (1 - repeats) * lambda[x]));
  }
  steps.push(step('where everybody goes', null, ratios[1], (1 - repeats) * lambda[1]));
  steps.push(step('anywhere', null, ratios[0], (1 - repeats) * lambda[0]));
  return {
    ...assessed,
    entity,
    address: formatAddress(words),
    threshold: givenThreshold ?? model.thresholdFor(number) ?? null,
    steps,
    logRatio: logL,
    terms: {
      intercept: stacking.intercept,
      history: stacking.history * logL,
      vectors: model.seen.hasVector(number) ? stacking.neural * assessed.dotProduct : 0,
    },
    reasons,
  };
}

/** So many weights are named; the rest is summed up. */
const NAMED = 5;

/** One of an account's weights: of a rung, of providers, or of what is neither. */
export interface NamedWeight {
  /** `its /20s` */
  name: string;
  weight: number;
}

/** An account's weights by name, the heaviest first; those below half a percent are left out. */
export function namedWeights(lambda: Float64Array, ipv4: boolean, kinds: string[]): NamedWeight[] {
  const lengths = rungsOf(ipv4);
  const name = (x: number) => {
    if (x === 0) return 'anywhere';
    if (x === 1) return 'where everybody goes';
    if (x - 2 >= PLACE_RUNG) return kinds[x - 2 - PLACE_RUNG] === 'asn' ? 'its providers' : 'its countries';
    return lengths[x - 2] === 0 ? `any of ${ipv4 ? 'IPv4' : 'IPv6'}` : `its /${lengths[x - 2]}s`;
  };
  return Array.from(lambda, (weight, x) => ({ weight, x }))
    .filter(({ weight }) => weight >= 0.005)
    .sort((a, b) => b.weight - a.weight)
    .map(({ weight, x }) => ({ name: name(x), weight }));
}

/** The same in words: `92 % its /20s, 5 % its providers, 3 % anywhere`. */
export function weightsInWords(lambda: Float64Array, ipv4: boolean, kinds: string[]): string {
  const parts = namedWeights(lambda, ipv4, kinds).map(
    ({ name, weight }) => `${(100 * weight).toFixed(0)} % ${name}`,
  );
  if (parts.length <= NAMED) return parts.join(', ');
  const rest = Array.from(lambda).sort((a, b) => b - a);
  const others = rest.slice(NAMED).reduce((sum, weight) => sum + weight, 0);
  return `${parts.slice(0, NAMED).join(', ')}, ${(100 * others).toFixed(0)} % others`;
}
