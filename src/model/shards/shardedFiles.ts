import { basename, dirname, join } from 'node:path';
import { counted, InputError } from '../../errors.ts';
import { realPath } from '../../files/atomicFile.ts';
import { fileSizeBytes } from '../../files/input.ts';
import { isPlainFile, OpenFile } from '../../files/openFile.ts';
import { MODEL_FILE } from '../modelFileKind.ts';
import { digestOf, type FileKind, openSections, type StoredSections } from '../sectionFile.ts';
import {
  BASE_FILE,
  type BaseCard,
  type ListedFile,
  MANIFEST_FILE,
  type Manifest,
  SHARD_FILE,
  type ShardCard,
} from './shardKinds.ts';

const DIGEST_BYTES = 32;

/** Whether a file is the manifest of a model in shards. One that cannot be read is none; who reads it will tell. */
export function isManifest(path: string): boolean {
  // What a pipe has to say is said once.
  if (!isPlainFile(path)) return false;
  let file: OpenFile;
  try {
    file = new OpenFile(path);
  } catch {
    return false;
  }
  try {
    const magic = new TextEncoder().encode(MANIFEST_FILE.magic);
    if (file.sizeBytes < magic.length) return false;
    const start = file.piece(0, magic.length);
    return magic.every((byte, i) => start[i] === byte);
  } finally {
    file.close();
  }
}

/** @throws InputError where a file is no model in one file, with what is wrong with it */
export function requireOneFile(path: string): void {
  const file = new OpenFile(path);
  try {
    openSections(MODEL_FILE, file, path, 'elsewhere');
  } finally {
    file.close();
  }
}

/** The files that a model is made of: itself, and where it is a manifest those that it lists. None where it cannot be read. */
export function filesOfModel(path: string): string[] {
  try {
    const files = ShardedFiles.open(path);
    return files ? [path, ...files.paths] : [path];
  } catch {
    return [path];
  }
}

/** How many bytes the files of a model have together. */
export function modelBytes(path: string): number {
  const manifest = ShardedFiles.open(path)?.manifest;
  if (!manifest) return fileSizeBytes(path);
  return [manifest.base, ...manifest.shards].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** The files of a model in shards. */
export class ShardedFiles {
  readonly path: string;
  /** how messages call the manifest */
  readonly name: string;
  readonly manifest: Manifest;
  /** checksum of the manifest, which names the whole model */
  readonly digest: string;
  /** where the files lie: beside the manifest, not beside a link to it */
  readonly #folder: string;

  /**
   * @returns undefined where the file is no manifest
   * @throws InputError for every kind of damage
   */
  static open(path: string, name = path): ShardedFiles | undefined {
    return isManifest(path) ? new ShardedFiles(path, name) : undefined;
  }

  private constructor(path: string, name: string) {
    this.path = path;
    this.name = name;
    this.#folder = dirname(realPath(path));
    const file = new OpenFile(path);
    try {
      this.manifest = openSections(MANIFEST_FILE, file, name, 'verify').card;
      this.digest = digestOf(file.piece(file.sizeBytes - DIGEST_BYTES, DIGEST_BYTES));
    } finally {
      file.close();
    }
    let row = 0;
    for (const [i, { entityRows }] of this.manifest.shards.entries()) {
      if (entityRows[0] !== row || entityRows[1] < row) {
        throw new InputError(
          `${name}: expected shard ${i + 1} to begin at entity row ${row}, got ${entityRows.join(' to ')}. Split the model or train again.`,
        );
      }
      row = entityRows[1];
    }
    if (row === this.manifest.numEntityVectors) return;
    throw new InputError(
      `${name}: expected shards of ${this.manifest.numEntityVectors} entity rows, got ${row}. Split the model or train again.`,
    );
  }

  /** K */
  get count(): number {
    return this.manifest.shards.length;
  }

  /** Of base and shards. */
  get paths(): string[] {
    const { base, shards } = this.manifest;
    return [base, ...shards].map(({ file }) => join(this.#folder, file));
  }

  /** The first row of each shard, and the end of the last. */
  get borders(): number[] {
    return [0, ...this.manifest.shards.map(({ entityRows }) => entityRows[1])];
  }

  /** @param use is given the base, while its file is open */
  withBase<T>(use: (base: StoredSections<BaseCard>) => T): T {
    return this.#with(BASE_FILE, this.manifest.base, 'its base', use);
  }

  /** @param number from 1. @param use is given the shard, while its file is open */
  withShard<T>(number: number, use: (shard: StoredSections<ShardCard>) => T): T {
    const listed = this.manifest.shards[number - 1];
    return this.#with(SHARD_FILE, listed, `its shard ${number} of ${this.count}`, (stored) => {
      const { shard, shards, entityRows } = stored.card;
      if (shard !== number || shards !== this.count || String(entityRows) !== String(listed.entityRows)) {
        throw new InputError(
          `${this.#nameOf(listed)}: expected shard ${number} of ${this.count}, got ${shard} of ${shards}. Split the model or train again.`,
        );
      }
      return use(stored);
    });
  }

  /** Looks once at every byte of a shard; `withShard` does so each time, unless this was done. */
  readonly #verified = new Set<string>();

  #with<Card, T>(
    kind: FileKind<Card>,
    listed: ListedFile,
    what: string,
    use: (stored: StoredSections<Card>) => T,
  ): T {
    const file = this.#opened(join(this.#folder, listed.file), what);
    const path = this.#nameOf(listed);
    try {
      if (file.sizeBytes !== listed.sizeBytes) {
        throw new InputError(
          `${path}: expected ${counted(listed.sizeBytes, 'byte')}, as ${this.name} lists, got ${file.sizeBytes}. ${kind.getAnother}`,
        );
      }
      const digest = digestOf(file.piece(file.sizeBytes - DIGEST_BYTES, DIGEST_BYTES));
      if (digest !== listed.sha256) {
        throw new InputError(
          `${path}: is of another model than ${this.name}, or damaged: its checksum is not the one that is listed there. ${kind.getAnother}`,
        );
      }
      const isKnown = this.#verified.has(path);
      const stored = openSections(kind, file, path, isKnown ? 'elsewhere' : 'verify');
      this.#verified.add(path);
      return use(stored);
    } finally {
      file.close();
    }
  }

  /** How messages call a file: with the folder where the manifest is called so too. */
  #nameOf({ file }: ListedFile): string {
    return join(dirname(this.name), file);
  }

  #opened(path: string, what: string): OpenFile {
    try {
      return new OpenFile(path);
    } catch (error) {
      if (!(error instanceof InputError) || !/there is no such file/.test(error.message)) throw error;
      throw new InputError(
        `${this.name}: expected ${what} in ${basename(path)} beside it, but there is no such file. Copy all files of the model into one folder.`,
      );
    }
  }
}
