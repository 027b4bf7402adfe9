import { createHash } from 'node:crypto';
import { counted, InputError } from '../errors.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { digestOf } from './sectionFile.ts';
import type { Source } from './source.ts';

/** More than a header takes. */
const HEAD_BYTES = 2 ** 16;

/**
 * All ranks must see the same file, or none. Called by all.
 * @param source what this rank sees
 * @param name   how messages call the file
 * @returns whether there is one
 * @throws InputError on all ranks, with the first one that differs
 */
export function requireSameFile(ranks: Ranks, source: Source | undefined, name: string): source is Source {
  if (ranks.size === 1) return source !== undefined;
  const told = ranks.gatherAll(new TextEncoder().encode(JSON.stringify(source ? marksOf(source) : null)));
  const texts = told.map((bytes) => new TextDecoder().decode(bytes));
  const other = texts.findIndex((text) => text !== texts[0]);
  if (other < 0) return source !== undefined;
  const [one, another]: (Marks | null)[] = [texts[0], texts[other]].map((text) => JSON.parse(text));
  const isLikeSized = one?.sizeBytes === another?.sizeBytes;
  const said = (marks: Marks | null, which: string) =>
    marks === null ? 'none' : isLikeSized ? which : `one of ${counted(marks.sizeBytes, 'byte')}`;
  throw new InputError(
    `${name}: expected the same file on all ranks, got ${said(one, 'one')} on rank 0 (${ranks.hosts[0]}) and ${said(another, 'another one of the same size')} on rank ${other} (${ranks.hosts[other]}). All ranks need the same folder: name one with --checkpoint that all computers share.`,
  );
}

interface Marks {
  sizeBytes: number;
  /** of the first bytes, where the card is, and of the checksum at the end */
  sha256: string;
}

function marksOf(source: Source): Marks {
  const { sizeBytes } = source;
  const hash = createHash('sha256').update(source.piece(0, Math.min(HEAD_BYTES, sizeBytes)));
  const end = Math.max(0, sizeBytes - HEAD_BYTES);
  hash.update(digestOf(source.piece(end, sizeBytes - end)));
  return { sizeBytes, sha256: hash.digest('hex') };
}
