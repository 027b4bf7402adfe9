import Table from 'cli-table3';
import { Command } from 'commander';
import { formatAddress, IPV4_WORD_2 } from '../addresses/address.ts';
import { counted, grouped, InputError, quoted } from '../errors.ts';
import { hashEntity } from '../events/entityHash.ts';
import { formatDay } from '../events/time.ts';
import { weightsOf } from '../history/mixture.ts';
import { CALIBRATION_ROWS } from '../model/calibration.ts';
import { weightsInWords } from '../model/explanation.ts';
import type { Model } from '../model/model.ts';
import { loadModel } from '../model/savedModel.ts';
import { HeldRows } from '../model/shards/heldRows.ts';
import { ShardedFiles } from '../model/shards/shardedFiles.ts';
import { readSharedModel } from '../model/sharedBytes.ts';
import { openSharedModel } from '../model/sharedModel.ts';
import { optionName } from '../neural/hyperparameters.ts';
import { quantizationText, thresholdRuleText } from './modelText.ts';

/** `ip-insights inspect`: what is in a model, or what it knows of one account. */
export function inspectCommand(): Command {
  return new Command('inspect')
    .description('Show what is in a model, or what it knows of one account.')
    .argument('<model>', 'a model that `train` wrote')
    .argument('[entity]', 'account, host, key: as in the events')
    .action((path: string, entity: string | undefined) => {
      const files = ShardedFiles.open(path);
      if (entity !== undefined) {
        process.stdout.write(ofAccount(files ? shardOf(files, entity) : loadModel(path), entity, path));
      } else if (files) {
        const model = partOf(files, 1);
        const { untrainedEntities } = files.withBase(({ card }) => card.model.data);
        process.stdout.write(`${ofModel(model, path, untrainedEntities)}\n${ofShards(files)}`);
      } else {
        const model = loadModel(path);
        process.stdout.write(ofModel(model, path, model.seen.untrainedCount));
      }
    });
}

/** One shard tells all that is not of single accounts. */
const partOf = ({ path }: ShardedFiles, shard: number): Model =>
  openSharedModel(readSharedModel(path, 1, path, [shard]), 0);

/** The shard that has an account. */
function shardOf(files: ShardedFiles, entity: string): Model {
  const [low, high] = hashEntity(entity);
  return partOf(files, new HeldRows([], files.borders).shardOf(low, high));
}

function ofShards({ manifest: { shards, base } }: ShardedFiles): string {
  const table = new Table({
    head: ['shard', 'entity rows', 'accounts', 'MB', 'file'],
    colAligns: ['right', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  });
  const megabytes = (sizeBytes: number) => (sizeBytes / 1e6).toFixed(1);
  for (const [i, { file, sizeBytes, entityRows, entities }] of shards.entries()) {
    const [first, end] = entityRows;
    const rows = first === end ? 'none' : `${grouped(first)} to ${grouped(end - 1)}`;
    table.push([`${i + 1}`, rows, grouped(entities), megabytes(sizeBytes), file]);
  }
  table.push(['base', '', '', megabytes(base.sizeBytes), base.file]);
  return `${table.toString()}\n`;
}

const time = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');

function listed(rows: [string, string][]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}

/** @param untrained accounts that came after the training */
function ofModel({ card, calibration, mixture }: Model, path: string, untrained: number): string {
  const { data, hyperparameters: h, threshold, mixture: m } = card;
  const { stacking, fittedOn } = m;
  const rows: [string, string][] = [
    ['model', `${path}, trained by ip-insights ${card.trainedBy}, seed ${card.seed}`],
    [
      'events',
      `${grouped(data.events)} (${grouped(data.ipv4Events)} IPv4, ${grouped(data.ipv6Events)} IPv6) of ${counted(data.entities, 'account')}`,
    ],
    ['times', data.firstTime === null ? 'none' : `${time(data.firstTime)} to ${time(data.lastTime!)} UTC`],
    [
      'history',
      `${counted(data.ipv4Places, 'IPv4 address', 'IPv4 addresses')} and ${counted(data.ipv6Places, 'IPv6 /64', 'IPv6 /64')} of accounts${m.halfLifeDays === null ? '' : `; half of what one counts fades in ${m.halfLifeDays} days`}`,
    ],
    [
      'tables',
      m.tables.length === 0
        ? 'none: --asn and --country of `train` add them'
        : m.tables.map(({ kind, name }) => `${kind} (${name})`).join(', '),
    ],
    [
      'vectors',
      `${grouped(h.numEntityVectors)} entity rows and ${grouped(data.prefixes)} networks of ${h.vectorDim} numbers, from ${grouped(data.pairs)} distinct pairs`,
    ],
    ...(card.quantization ? [['8 bits', quantizationText(card.quantization)] as [string, string]] : []),
    [
      'lag',
      data.eventsAdded === 0
        ? 'none: the vectors were trained on all events'
        : `${grouped(data.eventsAdded)} events (${((100 * data.eventsAdded) / data.events).toFixed(1)} %) and ${counted(untrained, 'account')} were added since the vectors were trained`,
    ],
    [
      'trust',
      `history ${stacking.history.toFixed(3)}, vectors ${stacking.neural.toFixed(3)}, constant ${stacking.intercept.toFixed(3)}; fitted on ${grouped(fittedOn.newPlaces)} ${fittedOn.byTime ? 'later' : 'held-out (there are no times)'} events from new places, of ${grouped(fittedOn.events)}`,
    ],
    [
      'threshold',
      threshold
        ? `${threshold.anomaly.toFixed(3)}: ${thresholdRuleText(threshold)}`
        : 'none: later honest events were too few',
    ],
    [
      'settings',
      Object.entries(h)
        .map(([name, value]) => `${optionName(name as keyof typeof h)} ${value}`)
        .join(' '),
    ],
  ];
  const buckets = new Table({
    head: ['places of the account', 'where it signs in from when the place is new (IPv4)'],
    style: { head: [], border: [], compact: true },
  });
  const kinds = m.tables.map(({ kind }) => kind);
  const titles = ['1–3', '4–10', '11–30', '31–100', 'more'];
  for (const [b, lambda] of mixture.buckets.entries())
    buckets.push([titles[b], weightsInWords(lambda, true, kinds)]);
  const tails = new Table({
    head: ['events of the account', 'later honest events behind p-values'],
    colAligns: ['left', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const [r, { title }] of CALIBRATION_ROWS.entries())
    tails.push([title, grouped(calibration.rows[r].events)]);
  return `${listed(rows)}\n${buckets.toString()}\n\n${tails.toString()}\n`;
}

/** Networks that are listed, the most used first. */
const LISTED = 12;

function ofAccount(model: Model, entity: string, path: string): string {
  const [low, high] = hashEntity(entity);
  const found = model.seen.find(low, high);
  if (found < 0) {
    throw new InputError(
      `${path}: expected an account that the model has seen, got ${quoted(entity)}. Names are compared letter by letter.`,
    );
  }
  const { history, mixture, card } = model;
  const kinds = card.mixture.tables.map(({ kind }) => kind);
  const places = history.placesOf(found);
  const lambda = weightsOf(mixture, found, places, new Float64Array(mixture.buckets[0].length));
  const hasOwn = mixture.accounts.read(found, new Float64Array(lambda.length));
  const isIpv6Only = history.networksOf(found, true).length === 0;
  const rows: [string, string][] = [
    ['account', entity],
    ['events', `${grouped(history.eventsOf(found))} from ${counted(places, 'place')}`],
    ['vector', model.seen.hasVector(found) ? 'trained' : 'none: the account came after the training'],
    [
      'weights',
      `${weightsInWords(lambda, !isIpv6Only, kinds)} (${hasOwn ? "the account's own" : 'of accounts with as many places'})`,
    ],
  ];
  const table = new Table({
    head: ['network', 'addresses', 'events', 'last'],
    colAligns: ['left', 'right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  });
  const networks = [...history.networksOf(found, true), ...history.networksOf(found, false)].sort(
    (a, b) => b.events - a.events || b.places - a.places,
  );
  for (const { ipv4, high: first, low: second, places: addresses, events, lastDay } of networks.slice(
    0,
    LISTED,
  )) {
    const words = ipv4 ? Uint32Array.of(0, 0, IPV4_WORD_2, first) : Uint32Array.of(first, second, 0, 0);
    const group = history.groups.map(({ table: groups }) => groups.label(groups.find(words))).join(', ');
    table.push([
      `${formatAddress(words)}/${ipv4 ? 24 : 48}${group === '' ? '' : ` ${group}`}`,
      grouped(addresses),
      grouped(events),
      lastDay === 0 ? '–' : formatDay(lastDay),
    ]);
  }
  const more = networks.length > LISTED ? `and ${counted(networks.length - LISTED, 'more network')}\n` : '';
  return `${listed(rows)}\n${table.toString()}\n${more}`;
}
