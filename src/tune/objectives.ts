import { UsageError } from '../errors.ts';
import { areaUnderCurve, pointAtTruePositiveRate, type RankedScores } from '../ranking/roc.ts';
import type { ObjectiveText } from './tuningResult.ts';

/** What a search looks for, and how it is measured. */
export interface Objective extends ObjectiveText {
  /**
   * `discriminated`: AWS's random addresses for all records; `octets`: random addresses for accounts of the training data;
   * `swap`: the address of another account
   */
  attacker: 'discriminated' | 'octets' | 'swap';
  /** only honest events whose address is new to their account, and the attacks on them */
  newOnly: boolean;
  measure: (ranked: RankedScores) => number;
}

const ATTACKERS = { octets: 'random addresses', swap: "other accounts' addresses" } as const;

const DISCRIMINATOR_AUC: Objective = {
  name: 'discriminator_auc',
  direction: 'maximise',
  title: 'discriminator_auc',
  meaning:
    "AWS's objective: how often a record's dot product is above that of a random address for the same account.",
  attacker: 'discriminated',
  newOnly: false,
  measure: areaUnderCurve,
};

/** What `--objective` may say. */
export const OBJECTIVE_WORDS =
  'discriminator_auc, swap_auc, octets_auc, fpr_at_tpr_.99 (of swap), octets_fpr_at_tpr_.99 or another rate, each with new_ before it for addresses new to their account';

/**
 * An objective by its name: `discriminator_auc`, or `[new_][swap_|octets_](auc|fpr_at_tpr_RATE)`. Without an attacker, swap.
 * @throws UsageError where it is none
 */
export function parseObjective(text: string): Objective {
  if (text === DISCRIMINATOR_AUC.name) return DISCRIMINATOR_AUC;
  const parts = /^(new_)?(?:(octets|swap)_)?(?:(auc)|fpr_at_tpr_(0?\.\d{1,6}))$/.exec(text);
  const rate = Number(parts?.[4] ?? 0.5);
  if (!parts || !(rate > 0 && rate < 1)) {
    throw new UsageError(`--objective: expected ${OBJECTIVE_WORDS}, got ${JSON.stringify(text)}.`);
  }
  const newOnly = parts[1] !== undefined;
  const attacker = (parts[2] ?? 'swap') as 'octets' | 'swap';
  const who = newOnly ? 'new addresses of accounts' : 'accounts';
  const common = { attacker, newOnly };
  const prefix = `${newOnly ? 'new_' : ''}${attacker}_`;
  if (parts[3]) {
    return {
      ...common,
      name: `${prefix}auc`,
      direction: 'maximise',
      title: `AUC against ${ATTACKERS[attacker]}${newOnly ? ' (new addresses)' : ''}`,
      meaning: `How often an honest event of ${who} seen in training looks less strange than one with ${ATTACKERS[attacker]}.`,
      measure: areaUnderCurve,
    };
  }
  const percent = Number((rate * 100).toPrecision(6));
  return {
    ...common,
    name: `${prefix}fpr_at_tpr_${String(rate).replace(/^0/, '')}`,
    direction: 'minimise',
    title: `FPR at TPR ${String(rate).replace(/^0/, '')}, ${ATTACKERS[attacker]}${newOnly ? ' (new addresses)' : ''}`,
    meaning: `The share of honest events of ${who} seen in training that are flagged where ${percent} % of attacks from ${ATTACKERS[attacker]} are caught.`,
    measure: (ranked) => pointAtTruePositiveRate(ranked, rate).falsePositiveRate,
  };
}

/** Lower is better, whatever the objective. */
export const lossOf = (objective: Pick<ObjectiveText, 'direction'>, value: number): number =>
  objective.direction === 'maximise' ? -value : value;

/** Whether a value is better than another. */
export const isBetter = (
  objective: Pick<ObjectiveText, 'direction'>,
  value: number,
  other: number,
): boolean => lossOf(objective, value) < lossOf(objective, other);
