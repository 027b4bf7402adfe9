import { statSync } from 'node:fs';
import { AtomicFile, removeTemporary, temporaryBeside } from '../files/atomicFile.ts';

/** A file on disk with the bytes of an input. */
export interface SpooledFile {
  path: string;
  remove(): void;
}

/**
 * Parquet has its table of contents at the end, so it must lie on disk as it is: an ordinary file is taken as it
 * lies, standard input, pipes and gzip are written to a temporary file.
 * @param first  the first bytes, decompressed
 * @param rest   the other bytes
 * @param beside the temporary file is made beside this one
 */
export async function spool(
  path: string,
  first: Uint8Array,
  rest: AsyncGenerator<Uint8Array>,
  beside: string,
): Promise<SpooledFile> {
  if (path !== '-' && statSync(path).isFile() && !path.endsWith('.gz')) {
    await rest.return(undefined);
    return { path, remove() {} };
  }
  const name = temporaryBeside(`${beside}.parquet`);
  const file = new AtomicFile(name);
  try {
    file.write(first);
    for await (const chunk of rest) file.write(chunk);
    file.commit();
  } catch (error) {
    file.abandon();
    removeTemporary(name);
    throw error;
  }
  return { path: name, remove: () => removeTemporary(name) };
}
