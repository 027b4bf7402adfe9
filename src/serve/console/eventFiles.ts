import { existsSync, statSync } from 'node:fs';
import { fileSizeBytes, readChunks, readFailure } from '../../files/input.ts';
import { findFiles } from '../../transform/inputFiles.ts';

/** A file of events. */
export interface EventFile {
  path: string;
  /** what a batch transform answered to it; undefined: the file says itself, or nobody has scored it */
  answers: string | undefined;
  /** of both, 0 where it is not known */
  sizeBytes: number;
}

/**
 * The files that were named, and those in folders: what a batch transform answered stands beside each as NAME.out.
 * @throws InputError where there is no such file
 */
export function findEventFiles(paths: string[]): EventFile[] {
  return paths.flatMap((path) => {
    if (path === '-' || !isFolder(path)) return [withSize(path, undefined)];
    return findFiles('', [path], undefined, false).files.map(({ input, output }) =>
      withSize(
        input,
        [output, `${output}.gz`].find((name) => existsSync(name)),
      ),
    );
  });
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw readFailure(path, error);
  }
}

const withSize = (path: string, answers: string | undefined): EventFile => ({
  path,
  answers,
  sizeBytes: fileSizeBytes(path) + (answers === undefined ? 0 : fileSizeBytes(answers)),
});

/** What is read at once; scored, it takes some milliseconds. */
const PIECE_BYTES = 1 << 16;

/** The bytes of a file in small pieces. @param onBytes told how many bytes of the file itself were read */
export async function* readPieces(
  path: string,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of readChunks(path, onBytes)) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield chunk.subarray(at, at + PIECE_BYTES);
  }
}
