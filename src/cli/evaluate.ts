import { basename } from 'node:path';
import Table from 'cli-table3';
import { Command } from 'commander';
import { parseNetworkList } from '../addresses/networkList.ts';
import { RangeTable } from '../addresses/ranges.ts';
import { thresholdTable } from '../decide/thresholds.ts';
import { InputError, quoted, UsageError } from '../errors.ts';
import { evaluateModel } from '../evaluate/evaluateModel.ts';
import {
  type Evaluation,
  type EvaluationData,
  type InputNames,
  NOMINAL_RATES,
  type ThresholdTable,
} from '../evaluate/evaluation.ts';
import { GroupedRanges } from '../evaluate/groupedRanges.ts';
import type { JudgedModel } from '../evaluate/judgedModel.ts';
import { answerFirst, judgedOverRanks } from '../evaluate/judgedOverRanks.ts';
import { metricsObject } from '../evaluate/metrics.ts';
import { renderReport } from '../evaluate/report/report.ts';
import { amount, area, chosenSentence, limitText, percent } from '../evaluate/sentences.ts';
import { EntityDictionary } from '../events/events.ts';
import { readTruth } from '../events/simulate/readTruth.ts';
import { AtomicFile } from '../files/atomicFile.ts';
import { inputName, readWholeFile } from '../files/input.ts';
import type { Model } from '../model/model.ts';
import { loadModel } from '../model/savedModel.ts';
import { loadRankPart } from '../model/shards/rankPart.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { runRanks } from '../mpi/runRanks.ts';
import { readGroupRanges } from './groupTables.ts';
import { integerOption, onBadLineOption, thresholdOptions } from './options.ts';
import { requireFileName } from './outputFiles.ts';
import { tellOfPlainKernels } from './progress.ts';
import { readRangeList } from './rangeLists.ts';
import { readEventFiles } from './readInput.ts';

interface EvaluateFlags {
  train: string;
  test?: string;
  labelled?: string;
  report?: string;
  json?: string;
  truth?: string;
  ranges?: string;
  country?: string[];
  attackList?: string[];
  sample: string;
  seed: string;
  maxFpr?: string;
  maxAlertsPerDay?: string;
  onBadLine: string;
}

/** `ip-insights evaluate`: how good a model is, side by side with baselines and the limit, and which threshold to use. */
export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description(
      'Judge a model on events it has not seen, against several attackers, and choose a threshold.',
    )
    .argument('<model>', 'model file, from "ip-insights train"')
    .requiredOption('--train <file>', 'the events that the model was trained on, CSV entity,address[,time]')
    .option('--test <file>', 'later honest events, CSV entity,address[,time]')
    .option('--labelled <file>', 'events with known answers, CSV entity,address,time,label[,kind]')
    .option('--report <file>', 'write a report to read, one HTML file')
    .option('--json <file>', 'write all figures as JSON (without --report and --json: to standard output)')
    .option('--truth <file>', 'truth file of a simulated log, for the oracle')
    .option(
      '--ranges <file>',
      'announced ranges, CSV first,last,asn[,name] (default: IPv4 list of @ip-location-db/asn)',
    )
    .option(
      '--country <file...>',
      "countries of addresses, CSV or MMDB: adds attackers from the victim's own country",
    )
    .option(
      '--attack-list <file...>',
      'networks that attackers use (VPNs, data centres), one CIDR a line: adds an attacker for each list',
    )
    .option('--sample <n>', 'honest events to measure on, and as many to set thresholds on', '100000')
    .option('--seed <n>', 'fixes samples and attacks', '1')
    .option(
      '--max-fpr <share>',
      'choose the threshold that flags at most this share of honest events (default: 0.01)',
    )
    .option(
      '--max-alerts-per-day <n>',
      'choose the threshold that flags at most this many honest events a day',
    )
    .option('--on-bad-line <what>', 'error: stop at the first bad line; skip: count it', 'error')
    .action((modelPath: string, flags: EvaluateFlags) =>
      runRanks('evaluate', (ranks) =>
        ranks.size === 1
          ? evaluate(modelPath, flags, () => loadModel(modelPath))
          : evaluateOverRanks(ranks, modelPath, flags),
      ),
    );
}

/** The first rank judges; the others answer what it asks about their accounts. */
async function evaluateOverRanks(ranks: Ranks, modelPath: string, flags: EvaluateFlags): Promise<void> {
  const part = loadRankPart(ranks, modelPath);
  if (ranks.rank !== 0) {
    answerFirst(part);
    return;
  }
  // The others wait while files are read.
  const alive = setInterval(() => ranks.progressed(), ALIVE_MILLISECONDS);
  try {
    const { judged, end } = judgedOverRanks(part);
    await evaluate(modelPath, flags, () => judged);
    end();
  } finally {
    clearInterval(alive);
  }
}

const ALIVE_MILLISECONDS = 10_000;

async function evaluate(
  modelPath: string,
  flags: EvaluateFlags,
  load: () => Model | JudgedModel,
): Promise<void> {
  const settings = readSettings(flags);
  requireSoundFiles(modelPath, flags);
  const outputs: AtomicFile[] = [];
  const open = (path: string | undefined) => {
    if (path !== undefined) outputs.push(new AtomicFile(path));
    return path === undefined ? undefined : outputs.at(-1);
  };
  try {
    // Opened before the work, so that a name that cannot be written fails at once.
    const report = open(flags.report);
    const metrics = open(flags.json);
    tell(`reading ${inputName(modelPath)} …`);
    tellOfPlainKernels();
    const model = load();
    const data = await readData(flags);
    if (data.train.count !== model.card.data.events) {
      tell(
        `warning: the model was trained on ${amount(model.card.data.events)} events, ${flags.train} holds ${amount(data.train.count)}: are they the same data?`,
      );
    }
    const evaluation = evaluateModel(model, data, {
      ...settings,
      names: namesOf(modelPath, flags),
      onStage: (stage) => tell(`${stage} …`),
    });
    const thresholds = thresholdTable(evaluation, settings);
    const json = `${JSON.stringify(metricsObject(evaluation, thresholds), undefined, 1)}\n`;
    const encoder = new TextEncoder();
    report?.write(encoder.encode(renderReport(evaluation, thresholds)));
    metrics?.write(encoder.encode(json));
    for (const file of outputs) file.commit();
    if (outputs.length === 0) process.stdout.write(json);
    tell(summary(evaluation, thresholds));
    for (const { path } of outputs) tell(`written: ${path}`);
  } finally {
    for (const file of outputs) file.abandon();
  }
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

function readSettings(flags: EvaluateFlags) {
  if (flags.test === undefined && flags.labelled === undefined) {
    throw new UsageError('evaluate: expected --test FILE or --labelled FILE, got neither.');
  }
  onBadLineOption(flags.onBadLine);
  return {
    sampleSize: integerOption('--sample', flags.sample, 1, MOST_SAMPLED),
    seed: integerOption('--seed', flags.seed, 0, Number.MAX_SAFE_INTEGER),
    ...thresholdOptions(flags),
  };
}

/** Enough for a standard error of 1e-7 at a rate of 1e-6; more would only cost memory. */
const MOST_SAMPLED = 100_000_000;

/** No output replaces another one or an input, and standard input is read once. */
function requireSoundFiles(model: string, flags: EvaluateFlags): void {
  const { report, json } = flags;
  if (report !== undefined && report === json) {
    throw new UsageError(`--json: expected another file than --report, got ${quoted(report)} for both.`);
  }
  const inputs = [
    model,
    flags.train,
    flags.test,
    flags.labelled,
    flags.truth,
    flags.ranges,
    ...(flags.country ?? []),
    ...(flags.attackList ?? []),
  ];
  for (const [option, path] of [
    ['--report', report],
    ['--json', json],
  ] as const) {
    if (path === undefined) continue;
    if (inputs.includes(path)) {
      throw new UsageError(`${option}: expected a file to write, got ${quoted(path)}, which is read.`);
    }
    requireFileName(path, 'Name a file; without --report and --json the figures go to standard output.');
  }
  const streams = ['train', 'test', 'labelled'] as const;
  const fromStandardInput = streams.filter((name) => flags[name] === '-').map((name) => `--${name}`);
  if (fromStandardInput.length > 1) {
    throw new UsageError(
      `${fromStandardInput[1]}: expected standard input (-) for one file only, got it for ${fromStandardInput.join(' and ')}.`,
    );
  }
}

async function readData(flags: EvaluateFlags): Promise<EvaluationData> {
  const ranges = readRanges(flags.ranges);
  const truth = flags.truth === undefined ? undefined : readTruth(readWholeFile(flags.truth), flags.truth);
  const dictionary = new EntityDictionary();
  const onBadLine = onBadLineOption(flags.onBadLine);
  const read = (path: string, columns: 'events' | 'labelled') =>
    readEventFiles([path], { onBadLine, columns }, dictionary);
  const { events: train } = await read(flags.train, 'events');
  const test = flags.test === undefined ? undefined : (await read(flags.test, 'events')).events;
  const labelled = flags.labelled === undefined ? undefined : await read(flags.labelled, 'labelled');
  const countries = flags.country && countryRanges(flags.country);
  const lists = flags.attackList?.map((path) => {
    const list = parseNetworkList(readWholeFile(path), path);
    return { name: basename(path), list };
  });
  return { train, test, labelled, ranges, truth, countries, lists };
}

function countryRanges(paths: string[]): GroupedRanges {
  return new GroupedRanges(
    readGroupRanges(paths, 'country', '--country').map(({ firsts, lasts, ids }) => ({
      ranges: new RangeTable(firsts, lasts, ids, new Map()),
      groups: ids,
    })),
  );
}

/** The named list must be there; without the package of lists the evaluation does with fewer attackers. */
function readRanges(path: string | undefined): EvaluationData['ranges'] {
  try {
    return readRangeList(path, 'ipv4', '--ranges');
  } catch (error) {
    if (path !== undefined || !(error instanceof InputError)) throw error;
    tell(error.message);
    return undefined;
  }
}

function namesOf(model: string, flags: EvaluateFlags): Partial<InputNames> {
  const named = (path: string | undefined) => (path === undefined ? null : inputName(path));
  return {
    model: inputName(model),
    train: inputName(flags.train),
    test: named(flags.test),
    labelled: named(flags.labelled),
    truth: named(flags.truth),
    country: flags.country?.map(inputName).join(', ') ?? null,
    attack_lists: flags.attackList?.map(inputName).join(', ') ?? null,
  };
}

/** Of the model: honest events flagged where 99 % of the attacks are caught. */
const FALSE_ALARMS_HEAD = 'model: FPR\nat TPR .99';

/** The main figures for a terminal: what is left out, each detector against each attack, the chosen threshold. */
function summary(evaluation: Evaluation, thresholds: ThresholdTable): string {
  const { comparisons, detectors, notes } = evaluation;
  const table = new Table({
    head: [
      'AUC against',
      ...detectors.map(({ title }) => title.replace(/ (?=\S+$)/, '\n')),
      FALSE_ALARMS_HEAD,
    ],
    colAligns: ['left', ...detectors.map(() => 'right' as const), 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const comparison of comparisons) {
    if (comparison.honestKind !== null) continue;
    const qualities = detectors.map(({ id }) => comparison.detectors.find(({ detector }) => detector === id));
    const caught = qualities[0]!.atTruePositiveRate.find(({ limit }) => limit === 0.99)!;
    table.push([
      comparison.title,
      ...qualities.map((quality) => (quality ? area(quality.areaUnderCurve) : '–')),
      percent(caught.falsePositiveRate),
    ]);
  }
  const { evaluation: measured } = evaluation.honest;
  return [
    '',
    ...notes,
    table.toString(),
    ...calibrationLines(evaluation),
    `Measured on ${amount(measured.length)} honest events; discriminator_auc ${area(evaluation.discriminatorAuc)}.`,
    chosenSentence(evaluation, thresholds),
  ].join('\n');
}

/** How p-values did, where there are test events. */
function calibrationLines({ calibration }: Evaluation): string[] {
  if (!calibration) return [];
  const table = new Table({
    head: ['training events', 'honest events', ...NOMINAL_RATES.map((rate) => `p ≤ ${limitText(rate)}`)],
    colAligns: ['left', 'right', ...NOMINAL_RATES.map(() => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const { title, honestEvents, actual } of calibration) {
    if (honestEvents === 0) continue;
    table.push([
      title,
      amount(honestEvents),
      ...NOMINAL_RATES.map((_, r) => (actual === null ? '–' : percent(actual[r]))),
    ]);
  }
  return [table.toString()];
}
