import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { InputError } from '../../errors.ts';
import { AtomicFile, removeLeftParts } from '../../files/atomicFile.ts';
import { OpenFile } from '../../files/openFile.ts';
import { RequestError } from '../../inference/requestError.ts';
import { copyWithThreshold } from '../../model/copyWithThreshold.ts';
import type { ModelThreshold } from '../../model/modelCard.ts';
import { digestOf } from '../../model/sectionFile.ts';
import { isManifest } from '../../model/shards/shardedFiles.ts';

const DIGEST_BYTES = 32;

/**
 * Writes a model file with another threshold beside the old one and renames it. Other requests are answered meanwhile.
 * @param digest of the file in use: another one, which somebody trained or updated since, is left as it is
 * @returns digest of the new file
 * @throws RequestError 409 where the file is another one, 422 where it is damaged or gone, 507 where it cannot be written
 */
export async function saveThreshold(
  path: string,
  digest: string,
  threshold: ModelThreshold | null,
): Promise<string> {
  const name = basename(path);
  if (isManifest(path)) {
    throw new RequestError(
      409,
      `${name}: expected a model in one file, got one in shards, whose threshold stays. Make one file of it with ip-insights merge.`,
    );
  }
  const before = stateOf(path);
  const source = asRequest(422, () => new OpenFile(path));
  try {
    const isSame =
      source.sizeBytes > DIGEST_BYTES &&
      digestOf(source.piece(source.sizeBytes - DIGEST_BYTES, DIGEST_BYTES)) === digest;
    if (!isSame) throw changed(name);
    const target = asRequest(507, () => {
      // A killed process may have left a part as large as the file.
      removeLeftParts(path);
      return new AtomicFile(path);
    });
    try {
      const copy = copyWithThreshold(source, name, threshold, (bytes) =>
        asRequest(507, () => target.write(bytes)),
      );
      let step = asRequest(422, () => copy.next());
      while (!step.done) {
        await new Promise((resolve) => setImmediate(resolve));
        step = asRequest(422, () => copy.next());
      }
      await target.flush().catch((error) =>
        asRequest(507, () => {
          throw error;
        }),
      );
      if (stateOf(path) !== before) throw changed(name);
      asRequest(507, () => target.commit());
      return Buffer.from(step.value).toString('hex');
    } finally {
      target.abandon();
    }
  } finally {
    source.close();
  }
}

/** Changes whenever a file is replaced. */
function stateOf(path: string): string {
  const state = statSync(path, { throwIfNoEntry: false, bigint: true });
  return state ? `${state.ino} ${state.mtimeNs} ${state.size}` : 'none';
}

const changed = (name: string) =>
  new RequestError(
    409,
    `${name}: expected the file that is in use, found another one: somebody trained or updated it since. Nothing was saved. Reload the model, look at its figures, then save again.`,
  );

/** Runs a step whose failures the client is told, with a status. */
function asRequest<T>(status: number, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof RequestError || !(error instanceof InputError)) throw error;
    throw new RequestError(status, error.message);
  }
}
