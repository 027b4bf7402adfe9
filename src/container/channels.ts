import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { counted, InputError, quoted } from '../errors.ts';
import { readFailure } from '../files/input.ts';
import { isObject, type JsonObject, OPT_ML, readJsonObject } from './optMl.ts';

/** `train` and `validation` hold events, `asn` and `country` provider tables, as files of `--asn` and `--country`. */
const CHANNELS = ['train', 'validation', 'asn', 'country'] as const;
export type ChannelName = (typeof CHANNELS)[number];

/** The files of each channel that the job has. */
export type Channels = Partial<Record<ChannelName, string[]>> & { train: string[] };

/** How S3's files come to several hosts: all to each, or each to one; undefined where nothing says it. */
export type Distribution = 'FullyReplicated' | 'ShardedByS3Key' | undefined;

/**
 * The channels of the job by `inputdataconfig.json`; where there is no such file, the folders that exist.
 * @throws InputError where a channel is not known, is of another form, or has no file
 */
export function readChannels(): Channels {
  const channels: Channels = { train: [] };
  for (const name of readChannelForms().keys()) {
    const found = findFiles(name);
    process.stderr.write(`${foundText(name, found.files.length, found)}\n`);
    channels[name] = found.files;
  }
  return channels;
}

/** The channels that the job has, in the order in which they are read. @throws InputError where one is not known, or of another form */
export function readChannelForms(): Map<ChannelName, Distribution> {
  const path = OPT_ML.inputDataConfig;
  const configured = readJsonObject(path);
  const place = configured ? path : OPT_ML.data;
  const described = configured ?? Object.fromEntries(foldersIn(OPT_ML.data).map((name) => [name, {}]));
  const unknown = Object.keys(described).filter((name) => !CHANNELS.includes(name as ChannelName));
  if (unknown.length > 0) {
    const names = unknown.map((name) => quoted(name)).join(', ');
    throw new InputError(
      `${place}: expected the channels train, validation, asn and country, of which only train must be there, got ${names}. Leave out what is not among them.`,
    );
  }
  if (!('train' in described)) {
    const got = Object.keys(described).join(', ') || 'none';
    throw new InputError(
      `${place}: expected a channel train, got ${got}. Give the job its events (CSV entity,address[,time]) as channel train.`,
    );
  }
  const forms = new Map<ChannelName, Distribution>();
  for (const name of CHANNELS) {
    const form = described[name];
    if (form === undefined) continue;
    if (!isObject(form)) {
      throw new InputError(
        `${place}: ${name}: expected an object, got ${quoted(JSON.stringify(form))}. Mend the file.`,
      );
    }
    requireForm(form, name, place);
    const { S3DistributionType: distribution } = form;
    const isKnown = distribution === 'FullyReplicated' || distribution === 'ShardedByS3Key';
    forms.set(name, isKnown ? distribution : undefined);
  }
  return forms;
}

function requireForm(form: JsonObject, name: ChannelName, place: string): void {
  const refuse = (key: string, expected: string, next: string) => {
    throw new InputError(
      `${place}: ${name}: expected ${key} ${expected}, got ${quoted(String(form[key]))}. ${next}`,
    );
  };
  // FastFile looks like File from here: files that are fetched while they are read.
  if (!isOneOf(form.TrainingInputMode, 'file', 'fastfile')) {
    const pipe = 'Pipe gives no files, and events are read more than once by a run that goes on.';
    refuse('TrainingInputMode', 'File or FastFile', `${pipe} Start the job with TrainingInputMode=File.`);
  }
  if (!isOneOf(form.CompressionType, 'none', 'gzip')) {
    refuse('CompressionType', 'None or Gzip', 'Files may be gzipped, which their content tells.');
  }
  if (!isOneOf(form.RecordWrapperType, 'none')) {
    refuse('RecordWrapperType', 'None', 'Give the files as they are.');
  }
  // A provider table may be a MaxMind database.
  if ((name === 'train' || name === 'validation') && !isCsv(form.ContentType)) {
    refuse(
      'ContentType',
      'text/csv',
      'Give lines entity,address[,time] as text/csv, without labels, in UTF-8.',
    );
  }
}

/** Absent is as good. */
const isOneOf = (value: unknown, ...allowed: string[]) =>
  value === undefined ||
  value === null ||
  (typeof value === 'string' && (value === '' || allowed.includes(value.toLowerCase())));

/** Parameters that change nothing; label_size=1 and the like would. */
const CSV_PARAMETERS = ['label_size=0', 'charset=utf-8', 'charset=utf8', 'charset=us-ascii'];

function isCsv(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (typeof value !== 'string') return false;
  const [type, ...parameters] = value.split(';').map((part) => part.trim().toLowerCase());
  return (
    type === 'text/csv' &&
    parameters.every(
      (parameter) => parameter === '' || CSV_PARAMETERS.includes(parameter.replaceAll(/["\s]/g, '')),
    )
  );
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory())
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw readFailure(folder, error);
  }
}

/** What a walk through a channel finds. */
export interface Found {
  files: string[];
  empty: number;
  hidden: number;
  /** real paths of folders, as links may lead back */
  folders: Set<string>;
}

/** The folder of a channel. */
export const channelFolder = (name: ChannelName): string => join(OPT_ML.data, name);

/** The files of a channel's folder and those below it, in the order of their names, which decides that of events. */
export function findFiles(name: ChannelName): Found {
  const folder = channelFolder(name);
  const found: Found = { files: [], empty: 0, hidden: 0, folders: new Set() };
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) walk(folder, found);
  return found;
}

/**
 * What was found of a channel, in words.
 * @param files their number
 * @throws InputError where there is none
 */
export function foundText(
  name: ChannelName,
  files: number,
  { empty, hidden }: Pick<Found, 'empty' | 'hidden'>,
): string {
  const left: string[] = [];
  if (empty > 0) left.push(counted(empty, 'empty file'));
  if (hidden > 0) left.push(`${counted(hidden, 'name')} beginning with . or _`);
  if (files === 0) {
    const beside = left.length === 0 ? 'none' : `${left.join(' and ')} only`;
    throw new InputError(
      `${channelFolder(name)}: expected at least one file for channel ${name}, got ${beside}. Check the S3 prefix of the channel.`,
    );
  }
  const leftOut = left.length === 0 ? '' : `; left out: ${left.join(', ')}`;
  return `channel ${name}: ${counted(files, 'file')}${leftOut}`;
}

/** @throws InputError where something cannot be looked at, so that no file is missed in silence */
function walk(folder: string, found: Found): void {
  let path = folder;
  try {
    const real = realpathSync(folder);
    if (found.folders.has(real)) return;
    found.folders.add(real);
    for (const name of readdirSync(folder).sort()) {
      // _SUCCESS of Spark, .ipynb_checkpoints, and the like: notes of programs, no data.
      if (/^[._]/.test(name)) {
        found.hidden++;
        continue;
      }
      path = join(folder, name);
      const entry = statSync(path);
      if (entry.isDirectory()) walk(path, found);
      else if (entry.size === 0) found.empty++;
      else found.files.push(path);
    }
  } catch (error) {
    throw readFailure(path, error);
  }
}
