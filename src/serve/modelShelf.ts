import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { InputError, quoted } from '../errors.ts';
import type { ScoringCrew } from '../inference/crew.ts';
import { RequestError } from '../inference/requestError.ts';
import { modelBytes } from '../model/shards/shardedFiles.ts';
import { loadMeanwhile, type ServedModel } from './servedModel.ts';

/** Models are named by whoever calls: nothing that leads anywhere else. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

/** Names on one page of `GET /models`. */
const PAGE = 100;

interface Shelved {
  served: ServedModel;
  /** as it was asked for, or where it was found */
  url: string;
  /** asked for by name, so that only its owner unloads it; others make room when they are not used */
  isPinned: boolean;
}

/**
 * Many models of one folder, as SageMaker's multi-model endpoints have them: loaded when they are first asked for, within a
 * limit of memory; the one not used for longest makes room.
 */
export class ModelShelf {
  readonly #folder: string;
  readonly #limitBytes: number;
  readonly #crew: ScoringCrew;
  /** the one not used for longest comes first */
  readonly #models = new Map<string, Shelved>();
  readonly #loading = new Map<string, Promise<ServedModel>>();
  #reservedBytes = 0;

  /**
   * @param folder     models lie in it, as NAME.model, or in a folder NAME with one such file
   * @param limitBytes of the files of models in memory, together
   */
  constructor(folder: string, limitBytes: number, crew: ScoringCrew) {
    this.#folder = folder;
    this.#limitBytes = limitBytes;
    this.#crew = crew;
  }

  get size(): number {
    return this.#models.size;
  }

  /**
   * A model by name, loaded where it is not; AWS's clients name a `NAME.tar.gz`.
   * @throws RequestError 404 where there is none, 507 where it does not fit beside those asked for by name
   */
  async get(target: string): Promise<ServedModel> {
    const name = target.replace(/\.tar\.gz$/, '');
    const found = this.#models.get(name);
    if (found) {
      this.#models.delete(name);
      this.#models.set(name, found);
      return found.served;
    }
    requireName(name);
    return this.#load(name, this.#find(name), false);
  }

  /**
   * Loads a model that its caller names.
   * @throws RequestError 409 where the name is taken, 507 where there is no room, 400 or 404 where there is no such model
   */
  async load(name: string, url: string): Promise<void> {
    requireName(name);
    if (this.#models.has(name) || this.#loading.has(name)) {
      throw new RequestError(
        409,
        `model ${quoted(name)} is loaded already. Unload it first: DELETE /models/${name}.`,
      );
    }
    await this.#load(name, this.#modelFileAt(this.#within(url)), true, url);
  }

  /** @throws RequestError 404 */
  unload(name: string): void {
    const { served } = this.#loaded(name);
    this.#models.delete(name);
    this.#crew.close(served.number);
  }

  /** @throws RequestError 404 */
  describe(name: string): { modelName: string; modelUrl: string } {
    return { modelName: name, modelUrl: this.#loaded(name).url };
  }

  #loaded(name: string): Shelved {
    const found = this.#models.get(name);
    if (!found) throw new RequestError(404, `model ${quoted(name)} is not loaded.`);
    return found;
  }

  /**
   * Loaded models by name, a page at a time.
   * @param token `nextPageToken` of the page before; undefined for the first
   */
  list(token: string | undefined): {
    models: { modelName: string; modelUrl: string }[];
    nextPageToken?: string;
  } {
    const names = [...this.#models.keys()].sort().filter((name) => token === undefined || name > token);
    const page = names.slice(0, PAGE);
    const models = page.map((name) => this.describe(name));
    return names.length > PAGE ? { models, nextPageToken: page[PAGE - 1] } : { models };
  }

  #load(name: string, path: string, isPinned: boolean, url = path): Promise<ServedModel> {
    const loading = this.#loading.get(name);
    if (loading) return loading;
    const sizeBytes = modelBytes(path);
    this.#makeRoom(name, sizeBytes);
    this.#reservedBytes += sizeBytes;
    const served = loadMeanwhile(path, this.#crew)
      .then((served) => {
        this.#models.set(name, { served, url, isPinned });
        return served;
      })
      .catch((error) => {
        if (!(error instanceof InputError)) throw error;
        throw new RequestError(422, error.message);
      })
      .finally(() => {
        this.#reservedBytes -= sizeBytes;
        this.#loading.delete(name);
      });
    this.#loading.set(name, served);
    return served;
  }

  #makeRoom(name: string, sizeBytes: number): void {
    let used = this.#reservedBytes + sizeBytes;
    for (const { served } of this.#models.values()) used += served.sizeBytes;
    const leaving: string[] = [];
    for (const [other, { served, isPinned }] of this.#models) {
      if (used <= this.#limitBytes) break;
      if (isPinned) continue;
      leaving.push(other);
      used -= served.sizeBytes;
    }
    if (used > this.#limitBytes) {
      const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
      throw new RequestError(
        507,
        `model ${quoted(name)}: ${megabytes(sizeBytes)} do not fit beside the others into ${megabytes(this.#limitBytes)}. Unload one.`,
      );
    }
    for (const other of leaving) this.unload(other);
  }

  /** The file of a model that was not loaded by name. */
  #find(name: string): string {
    for (const candidate of [`${name}.model`, name]) {
      const path = join(this.#folder, candidate);
      if (statSync(path, { throwIfNoEntry: false })) return this.#modelFileAt(this.#within(path));
    }
    throw new RequestError(404, `model ${quoted(name)}: there is none of that name.`);
  }

  /** A place below the folder, links followed. @throws RequestError 400 where it leads elsewhere, 404 where there is nothing */
  #within(url: string): string {
    if (url.includes('\0'))
      throw new RequestError(400, `url: expected a place below the models' folder, got ${quoted(url)}.`);
    let path: string;
    let root: string;
    try {
      root = realpathSync(this.#folder);
      path = realpathSync(url);
    } catch {
      throw new RequestError(404, `url: there is nothing at ${quoted(url)}.`);
    }
    if (path !== root && !path.startsWith(root + sep)) {
      throw new RequestError(400, `url: expected a place below the models' folder, got ${quoted(url)}.`);
    }
    return path;
  }

  /** A model file, or the one in a folder. */
  #modelFileAt(path: string): string {
    if (!statSync(path).isDirectory()) return path;
    return modelFileIn(path, (message) => new RequestError(404, message));
  }
}

/** @throws what `failure` makes of the sentence where a folder does not hold exactly one *.model */
export function modelFileIn(folder: string, failure: (message: string) => Error): string {
  const files = readdirSync(folder).filter((name) => name.endsWith('.model') && !name.startsWith('.'));
  if (files.length !== 1) {
    const got = files.length === 0 ? 'none' : `${files.length} (${files.join(', ')})`;
    throw failure(`${folder}: expected one file named *.model, got ${got}.`);
  }
  return join(folder, files[0]);
}

function requireName(name: string): void {
  if (NAME.test(name)) return;
  throw new RequestError(
    400,
    `model name: expected letters, digits, dots, dashes and underscores, at most 255, got ${quoted(name)}.`,
  );
}
