import { InputError, quoted } from '../errors.ts';
import { toldByAll } from './ofAllRanks.ts';
import type { Ranks } from './ranks.ts';

/**
 * All ranks must have been started alike. Called by all, before anything is written.
 * @param facts   what must be the same, by the name that a user knows it by: a version, an option
 * @param advice  what to do where something is not
 * @throws InputError on the first rank, with the first differing rank of each fact, and both values; the others wait to be ended
 */
export function agree(
  ranks: Ranks,
  facts: Readonly<Record<string, string>>,
  advice = 'Start every rank with the same version, command and options.',
): void {
  const all = toldByAll(ranks, facts);
  const names = [...new Set(all.flatMap((one) => Object.keys(one)))];
  const differences = names.flatMap((name) => {
    const values = all.map((one) => (Object.hasOwn(one, name) ? one[name] : undefined));
    const other = values.findIndex((value) => value !== values[0]);
    if (other < 0) return [];
    const said = (rank: number) =>
      `${values[rank] === undefined ? 'nothing' : quoted(values[rank], 100)} on rank ${rank} (${ranks.hosts[rank]})`;
    return [`${name}: expected the same on all ranks, got ${said(0)} and ${said(other)}`];
  });
  if (differences.length === 0) return;
  if (ranks.rank > 0) ranks.barrier();
  throw new InputError(`${differences.join('; ')}. ${advice}`);
}
