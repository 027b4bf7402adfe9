import { InputError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import type { Truth } from '../events/simulate/truth.ts';
import type { InputNames, KnownRanges } from './evaluation.ts';
import { Oracle } from './oracle.ts';

/**
 * The oracle of the world that the events come from.
 * @param honest events of that world
 * @returns a sentence where the world has no oracle
 * @throws InputError where the truth belongs to another list of ranges or to another log: its figures would be no limit
 */
export function fittingOracle(
  truth: Truth,
  ranges: KnownRanges | undefined,
  honest: Events,
  names: InputNames,
): Oracle | string {
  if (truth.world !== 'tutorial') {
    return `No oracle: the world "${truth.world}" of ${names.truth} has no known limit, as leases make the logins of an account depend on each other.`;
  }
  if (!ranges) {
    throw new InputError(
      `${names.truth}: the oracle needs the list of ranges that the log was simulated with. Name it with --ranges.`,
    );
  }
  const oracle = new Oracle(truth, ranges.ranges, ranges.identity.sha256);
  const anomalies = oracle.anomalies(honest, 'announced');
  let fitting = 0;
  for (const anomaly of anomalies) if (anomaly < 0) fitting++;
  // In its own world an account sends from near home or work in all but P(travel), 3 % on average; elsewhere next to never.
  if (fitting < anomalies.length / 2) {
    const percent = Math.round((100 * fitting) / anomalies.length);
    throw new InputError(
      `${names.truth}: expected the truth of the log behind ${names.test ?? names.labelled}, but only ${percent} % of the honest events there are near the home or work of their account. Name the truth file that was written beside that log.`,
    );
  }
  return oracle;
}
