import { fingerprint } from '../files/fingerprint.ts';
import { type Sharing, sharedFileSize } from '../files/shard.ts';
import { agree } from './agreement.ts';
import { allOrNone } from './allOrNone.ts';
import type { Ranks } from './ranks.ts';

/** What a rank cannot read a part of is refused in these words. */
export const RANKS: Sharing = { by: 'several ranks', who: 'rank' };

/** What to do where files differ. */
export const SAME_FILES = 'Put it where all ranks share it, or copy it to each again.';

/**
 * All ranks must see the same files, of which each reads a part: parts of different ones would come to nothing that anybody has.
 * Called by all; compares sizes and some places.
 * @throws UsageError for standard input, InputError where a file differs, or is none that several can read
 */
export function requireSameFiles(ranks: Ranks, paths: readonly string[]): void {
  const found = allOrNone(ranks, () =>
    paths.map((path) => {
      sharedFileSize(path, RANKS);
      return [path, fingerprint(path)];
    }),
  );
  agree(ranks, Object.fromEntries(found), SAME_FILES);
}
