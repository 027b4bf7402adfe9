import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import type { GroupTable } from '../../addresses/groupTable.ts';
import { grouped, InputError, UsageError } from '../../errors.ts';
import { AtomicFile, realPath, removeBeside, removeLeftParts } from '../../files/atomicFile.ts';
import { fileSizeBytes } from '../../files/input.ts';
import { shardName } from '../../files/shard.ts';
import type { GroupSums } from '../../history/accountGroups.ts';
import type { PopulationParts } from '../../history/populationParts.ts';
import { toldByAll } from '../../mpi/ofAllRanks.ts';
import { alone, type Ranks } from '../../mpi/ranks.ts';
import type { Weights } from '../../neural/network.ts';
import { ENTITY_SHARDS, entityRowsOf } from '../../neural/ranks/rankPlan.ts';
import type { Calibration } from '../calibration.ts';
import { compacted } from '../compact.ts';
import { fittedColumns } from '../historySections.ts';
import type { Model } from '../model.ts';
import { accountColumns, entityVectorColumns, fileCard, networkColumns } from '../modelFile.ts';
import { accountShape, type FileCard } from '../modelFileKind.ts';
import { type FileKind, writeSections } from '../sectionFile.ts';
import type { Bytes } from '../source.ts';
import { accountsOfRows, figuresOfAll, type OwnAccounts } from './ownAccounts.ts';
import { BASE_FILE, type ListedFile, MANIFEST_FILE, type Manifest, SHARD_FILE } from './shardKinds.ts';

/** A model of which each rank has the accounts of some rows of the entity table. */
export interface ShardedModel {
  card: FileCard;
  own: OwnAccounts;
  /** what is not of single accounts; undefined on all ranks but the first */
  base: ModelBase | undefined;
}

export interface ModelBase {
  networks: Pick<Weights, 'networkVectors' | 'layers' | 'prefixes'>;
  calibration: Calibration;
  tables: readonly GroupTable[];
  /** counted of the places of all accounts */
  population: PopulationParts;
  groupSums: readonly GroupSums[]; // of each table
}

/** @throws UsageError where so many ranks cannot write so many shards */
export function requireShardCount(count: number, { size }: Ranks): void {
  if (count >= 1 && count <= ENTITY_SHARDS && count % size === 0) return;
  const multiple = size === 1 ? '' : `a multiple of the ${size} ranks `;
  throw new UsageError(
    `--shards: expected ${multiple}from ${size} to ${grouped(ENTITY_SHARDS)}, got ${count}.`,
  );
}

/** A whole model as one that is to be written in shards. */
export function shardedOf(model: Model): ShardedModel {
  const { card, weights, seen, history, mixture, calibration } = compacted(model);
  const { places, population, groups } = history;
  const tables = groups.map(({ table }) => table);
  const rows = { first: 0, end: card.hyperparameters.numEntityVectors };
  const own = { rows, vectors: weights.entityVectors, seen, places, weights: mixture.accounts };
  return {
    card: fileCard(card, figuresOfAll(alone('localhost'), own), calibration, tables),
    own,
    base: { networks: weights, calibration, tables, population: population.parts, groupSums: groups },
  };
}

/** A file that is written under no name yet. */
interface WrittenFile {
  file: AtomicFile;
  sizeBytes: number;
  /** hex */
  sha256: string;
}

/**
 * Writes a model in shards, each rank those of its accounts. The names have the content's checksum in them, and the manifest
 * comes last: until then the model that had its name before is whole; then the shards of that are removed. Called by all ranks.
 * @param name  of the manifest, in a folder that all ranks share
 * @param count shards
 * @returns bytes of all files
 */
export function saveSharded(model: ShardedModel, name: string, count: number, ranks: Ranks): number {
  // The shards lie beside the manifest, wherever a link of that name leads to.
  const path = realPath(name);
  requireShardCount(count, ranks);
  const perRank = count / ranks.size;
  const written: WrittenFile[] = [];
  try {
    const base = model.base && noted(written, writeBase(model.card, model.base, path));
    const shards = Array.from({ length: perRank }, (_, i) =>
      writeShard(model, ranks.rank * perRank + i, count, path, (file) => noted(written, file)),
    );
    const all = toldByAll(ranks, { base: base && marksOf(base), shards });
    const manifest = manifestOf(
      model.card,
      path,
      all[0].base!,
      all.flatMap((one) => one.shards),
    );
    const names = [
      ...(base ? [manifest.base] : []),
      ...manifest.shards.slice(ranks.rank * perRank, (ranks.rank + 1) * perRank),
    ];
    for (const [i, { file }] of names.entries()) written[i].file.commit(join(dirname(path), file));
    ranks.barrier();
    if (ranks.rank === 0) finish(manifest, path, ranks, perRank);
    ranks.barrier();
    return [manifest.base, ...manifest.shards].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  } finally {
    for (const { file } of written) file.abandon();
  }
}

type Marks = Pick<ListedFile, 'sizeBytes' | 'sha256'>;
type ShardMarks = Omit<Manifest['shards'][number], 'file'>;

const marksOf = ({ sizeBytes, sha256 }: WrittenFile): Marks => ({ sizeBytes, sha256 });

function noted(written: WrittenFile[], file: WrittenFile): WrittenFile {
  written.push(file);
  return file;
}

function writeBase(
  model: FileCard,
  { networks, calibration, tables, population, groupSums }: ModelBase,
  path: string,
): WrittenFile {
  const { accounts, ipv4, ipv6 } = population;
  const columns: Record<string, Bytes[]> = {
    ...networkColumns(networks),
    ...fittedColumns(calibration, tables),
    everybody_ipv4_places: [ipv4.places.high],
    everybody_ipv4_before: [ipv4.before],
    everybody_ipv4_users: [ipv4.users],
    everybody_ipv6_places: [ipv6.places.high, ipv6.places.low],
    everybody_ipv6_before: [ipv6.before],
    everybody_ipv6_users: [ipv6.users],
  };
  for (const [t, { shares, weights }] of groupSums.entries()) {
    columns[`everybody_table_${t}_shares`] = [shares];
    columns[`everybody_table_${t}_weights`] = [weights];
  }
  const everybody = { accounts, ipv4Places: ipv4.users.length, ipv6Places: ipv6.users.length };
  return writeFile(BASE_FILE, { model, everybody }, columns, path);
}

/** @param index of the shard, from 0 */
function writeShard(
  { card, own }: ShardedModel,
  index: number,
  count: number,
  path: string,
  note: (file: WrittenFile) => WrittenFile,
): ShardMarks {
  const { numEntityVectors, vectorDim } = card.hyperparameters;
  const { experts, mostPlaces, ...shape } = accountShape(card);
  const rows = entityRowsOf(numEntityVectors, index, count);
  const { vectors, seen, places, weights } = accountsOfRows(own, rows, numEntityVectors, vectorDim, experts);
  const entityRows: [number, number] = [rows.first, rows.end];
  const accounts = {
    ...{ ...shape, experts, mostPlaces },
    rows: rows.end - rows.first,
    entities: seen.count,
    untrainedEntities: seen.untrainedCount,
    ipv4Places: places.ipv4.high.length,
    ipv6Places: places.ipv6.high.length,
    weighted: weights.entities.length,
  };
  const columns = {
    ...entityVectorColumns(vectors),
    ...accountColumns(seen, places, weights, mostPlaces),
  };
  const file = writeFile(
    SHARD_FILE,
    { shard: index + 1, shards: count, entityRows, accounts },
    columns,
    path,
  );
  return { ...marksOf(note(file)), entityRows, entities: seen.count };
}

function writeFile<Card>(
  kind: FileKind<Card>,
  card: Card,
  columns: Record<string, Iterable<Bytes>>,
  path: string,
): WrittenFile {
  const file = new AtomicFile(path);
  try {
    const digest = writeSections(kind, card, columns, (bytes) => file.write(bytes));
    return { file, sizeBytes: file.sizeBytes, sha256: Buffer.from(digest).toString('hex') };
  } catch (error) {
    file.abandon();
    throw error;
  }
}

/** Digits of the checksum in names: two models of one name share them once in 2⁶⁴ times. */
const ID_DIGITS = 16;

function manifestOf(card: FileCard, path: string, base: Marks, shards: ShardMarks[]): Manifest {
  const hash = createHash('sha256');
  for (const { sha256 } of [base, ...shards]) hash.update(sha256);
  const start = `${basename(path)}.${hash.digest('hex').slice(0, ID_DIGITS)}`;
  return {
    trainedBy: card.trainedBy,
    numEntityVectors: card.hyperparameters.numEntityVectors,
    entities: card.data.entities,
    base: { file: `${start}.base`, ...base },
    shards: shards.map((marks, i) => ({
      file: `${start}.${shardName({ number: i + 1, count: shards.length })}`,
      ...marks,
    })),
  };
}

/** The manifest appears; then what older ones listed is removed. */
function finish(manifest: Manifest, path: string, { hosts }: Ranks, perRank: number): void {
  for (const [i, { file, sizeBytes }] of manifest.shards.entries()) {
    if (sizeSeen(join(dirname(path), file)) === sizeBytes) continue;
    const rank = Math.floor(i / perRank);
    throw new InputError(
      `${path}: expected to see ${file}, which rank ${rank} (${hosts[rank]}) has written, but it is not here. Name a folder with --model that all computers share.`,
    );
  }
  const file = new AtomicFile(path);
  try {
    writeSections(MANIFEST_FILE, manifest, {}, (bytes) => file.write(bytes));
    file.commit();
  } finally {
    file.abandon();
  }
  removeLeftParts(path);
  removeShards(path, [manifest.base, ...manifest.shards]);
}

function sizeSeen(path: string): number {
  try {
    return fileSizeBytes(path);
  } catch (error) {
    if (error instanceof InputError) return -1;
    throw error;
  }
}

/** Removes the bases and shards that models of this name have had. @param kept those that the present one has */
export function removeShards(path: string, kept: readonly { file: string }[] = []): void {
  const own = new Set(kept.map(({ file }) => file));
  removeBeside(path, (name) => isOfModel(basename(path), name) && !own.has(name));
}

/** Whether a file is a base or a shard of some model in shards that has or had this name. */
function isOfModel(model: string, name: string): boolean {
  if (!name.startsWith(`${model}.`)) return false;
  return /^[0-9a-f]{16}\.(base|\d{5,6}-of-\d{5,6})$/.test(name.slice(model.length + 1));
}
