import { statSync } from 'node:fs';
import { InputError } from '../errors.ts';
import { writeFailure } from '../files/atomicFile.ts';

/**
 * A file is written beside and renamed, which would replace a device or a pipe by a file.
 * @param advice what to do instead, a sentence
 * @throws InputError where the name is a folder, a device or a pipe
 */
export function requireFileName(path: string, advice: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw writeFailure(path, { code: 'EISDIR' });
  if (found && !found.isFile()) {
    throw new InputError(`${path}: cannot be written, it is a device or a pipe. ${advice}`);
  }
}
