import { createHash } from 'node:crypto';
import { checkHead, type FileKind, headOf, requireDigest } from './sectionFile.ts';
import type { Source } from './source.ts';

/**
 * Copies a file with another card, piece by piece, so that others may work in between: its sections keep their bytes.
 * @param change must leave the layout as it is
 * @returns the checksum of the copy, which is its end
 * @throws InputError for every kind of damage, also after pieces were written: only a finished copy is good
 */
export function* copyWithCard<Card>(
  kind: FileKind<Card>,
  source: Source,
  name: string,
  change: (card: Card) => Card,
  write: (bytes: Uint8Array) => void,
): Generator<void, Uint8Array> {
  const { card, headBytes, end } = checkHead(kind, source, name);
  const head = headOf(kind, kind.card.parse(change(card)));
  const [before, after] = [createHash('sha256'), createHash('sha256')];
  before.update(source.piece(0, headBytes));
  after.update(head);
  write(head);
  for (let at = headBytes; at < end; at += COPIED_BYTES) {
    const piece = source.piece(at, Math.min(COPIED_BYTES, end - at));
    before.update(piece);
    after.update(piece);
    write(piece);
    yield;
  }
  requireDigest(kind, before.digest(), source, end, name);
  const digest = after.digest();
  write(digest);
  return digest;
}

/** Some milliseconds of work. */
const COPIED_BYTES = 1 << 21;
