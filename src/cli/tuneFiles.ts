import { counted, InputError } from '../errors.ts';
import { AtomicFile } from '../files/atomicFile.ts';
import type { Model } from '../model/model.ts';
import { saveModel } from '../model/savedModel.ts';
import type { Hyperparameters } from '../neural/hyperparameters.ts';
import { importanceOf } from '../tune/importance.ts';
import { judgedEvents } from '../tune/judgedEvents.ts';
import { judgedObjectives, judgeModel } from '../tune/judgeModel.ts';
import type { Objective } from '../tune/objectives.ts';
import { renderTuningReport } from '../tune/report/tuningReport.ts';
import { runSearch } from '../tune/runSearch.ts';
import type { Search } from '../tune/search.ts';
import type { SearchSpace, Setting } from '../tune/searchSpace.ts';
import { TrialGround } from '../tune/trialTraining.ts';
import { type TuningData, tuningNotes } from '../tune/tuningNotes.ts';
import { tuningObject } from '../tune/tuningObject.ts';
import type { JudgedRow, JudgedTable, TuningResult } from '../tune/tuningResult.ts';
import { type ModelSettings, readPastEvents } from './modelFlags.ts';
import { fadingLines, savedText, thresholdText } from './trainingText.ts';
import { ShownTraining } from './trainWithProgress.ts';
import { Interrupts } from './tuneInterrupts.ts';
import { TuneJournal } from './tuneJournal.ts';
import { openingLines, searchOf, whatIsSearched, workersFor } from './tunePlan.ts';
import { judgedTableText, TuneTable } from './tuneTable.ts';

export interface TuneFiles {
  events: string[];
  validation: string;
  test: string | undefined;
  model: string;
  journal: string;
  report: string | undefined;
  json: string | undefined;
  space: SearchSpace;
  /** hyperparameters that were given a value */
  fixed: Partial<Hyperparameters>;
  objective: Objective;
  strategy: TuningResult['strategy'];
  earlyStopping: TuningResult['earlyStopping'];
  sampleSize: number;
  maxTrials: number;
  maxSeconds: number | undefined;
  cores: number;
  workers: number | undefined;
  threads: number | undefined;
  seed: number;
  onBadLine: 'error' | 'skip';
  settings: ModelSettings;
  /** the same as they were typed */
  modelOptions: string[];
}

const tell = (text: string) => process.stderr.write(`${text}\n`);

/** Searches, trains the best and writes what was found. */
export async function tuneFiles(options: TuneFiles): Promise<void> {
  const { space, objective } = options;
  const outputs: AtomicFile[] = [];
  const interrupts = new Interrupts(options.journal, tell);
  let journal: TuneJournal | undefined;
  try {
    // Opened before the work, so that a name that cannot be written fails at once.
    for (const path of [options.report, options.json]) {
      if (path !== undefined) outputs.push(new AtomicFile(path));
    }
    new AtomicFile(options.model).abandon();
    journal = new TuneJournal(options.journal);
    const data = await readData(options);
    const ground = new TrialGround(data.train, data.validation, objective, {
      seed: options.seed,
      sampleSize: options.sampleSize,
      validationName: options.validation,
    });
    requireMeasurableTest(options, data, ground);
    const search = searchOf(options, ground);
    const workers = await searchWithJournal(options, data, ground, search, journal, interrupts);
    const best = search.best();
    if (!best) throw nothingFound(search);

    const judged: JudgedTable = { objectives: judgedObjectives(objective), rows: [] };
    const { fixed } = search.plan;
    interrupts.begins('best');
    tell(`\ntraining the best, trial ${best.trial}`);
    judged.rows.push(...(await trainBest(options, data, { ...fixed, ...best.setting })));
    interrupts.begins('compare');
    if (data.test) {
      judged.rows.push(...(await rowsOfDefaults(options, data, search, judged.rows, interrupts)));
    }
    const result: TuningResult = {
      objective,
      strategy: options.strategy,
      earlyStopping: options.earlyStopping,
      seed: options.seed,
      workers,
      dimensions: space.dimensions,
      fixed: search.plan.fixed,
      data: {
        train: { name: options.events.join(', '), events: data.train.count },
        validation: { name: options.validation, events: data.validation.count },
        test: data.test && options.test ? { name: options.test, events: data.test.count } : null,
      },
      command: { events: options.events, model: options.model, options: options.modelOptions },
      trials: search.trials,
      best: best.trial,
      defaults: search.defaultsTrial,
      importance: importanceOf(space, search.trials, objective),
      judged: data.test ? judged : null,
      notes: [],
    };
    result.notes = tuningNotes(result, data);
    tell(judgedTableText(judged));
    for (const note of result.notes) tell(`note: ${note}`);
    const contents = new Map([
      [options.report, () => renderTuningReport(result)],
      [options.json, () => `${JSON.stringify(tuningObject(result), undefined, 1)}\n`],
    ]);
    for (const file of outputs) file.write(new TextEncoder().encode(contents.get(file.path)!()));
    for (const file of outputs) {
      file.commit();
      tell(`written: ${file.path}`);
    }
  } finally {
    interrupts.leave();
    journal?.close();
    for (const file of outputs) file.abandon();
  }
}

/** @throws InputError where a file cannot be read or has no events */
async function readData({ events, validation, test, onBadLine, settings }: TuneFiles): Promise<TuningData> {
  const train = await readPastEvents(events, onBadLine);
  if (train.count === 0) {
    throw new InputError(`${events.join(', ')}: expected at least one event to train on, got none.`);
  }
  for (const line of fadingLines(train, settings.halfLifeDays)) tell(line);
  return {
    train,
    validation: await readPastEvents([validation], onBadLine),
    test: test === undefined ? undefined : await readPastEvents([test], onBadLine),
  };
}

/** Goes on where the journal ends. @returns how many trials ran at a time */
async function searchWithJournal(
  options: TuneFiles,
  data: TuningData,
  ground: TrialGround,
  search: Search,
  journal: TuneJournal,
  interrupts: Interrupts,
): Promise<number> {
  const { maxTrials, maxSeconds, objective } = options;
  const { seconds, resumed } = journal.resume(search, whatIsSearched(options, search, data));
  const workers = options.workers ?? workersFor(options, ground, search);
  const threads = options.threads ?? Math.max(1, Math.floor(options.cores / workers));
  for (const line of openingLines(options, search, ground, workers, threads)) tell(line);
  if (resumed) tell(`${journal.path}: going on after ${counted(search.trials.length, 'trial')}`);
  if (maxSeconds !== undefined) interrupts.stopAfter(maxSeconds);
  const table = new TuneTable(objective, search, maxTrials);
  interrupts.tell = (line) => table.line(line);
  try {
    const end = await runSearch(search, {
      ...{ workers, maxTrials, secondsBefore: seconds, signal: interrupts.search },
      train: (given, hooks) => ground.train(given, threads, hooks),
      onEvent: (event) => {
        journal.append(event);
        table.show(event);
      },
      onProgress: (trial, progress) => table.progress(trial, progress, ground.pairs.count),
    });
    table.stop();
    if (end === 'stopped') journal.pause();
    if (end === 'space exhausted') tell('all settings of the space were tried');
    if (interrupts.by === 'time') tell(`the time is over: the same command goes on from ${journal.path}`);
    tell(table.summary());
    return workers;
  } finally {
    table.stop();
    interrupts.tell = tell;
  }
}

/** Said before the search, not after. @throws InputError where the objective cannot be measured on the test events */
function requireMeasurableTest(options: TuneFiles, { test, train }: TuningData, ground: TrialGround): void {
  if (!test) return;
  const { objective, seed, sampleSize } = options;
  judgedEvents(objective, test, train, ground.prefixes, { seed, sampleSize, name: options.test! });
}

function nothingFound({ trials }: Search): InputError {
  const failed = trials.find(({ state }) => state === 'failed');
  if (failed) {
    return new InputError(
      `tune: expected a trial that could be trained, but none could: trial ${failed.trial} failed, as ${failed.reason} No model was written.`,
    );
  }
  return new InputError(
    'tune: the search was ended before any trial had an epoch behind it, so no model was written. Give it more time.',
  );
}

/** A whole model with a setting, shown while it is trained. */
function trained(
  options: TuneFiles,
  { train, validation }: TuningData,
  setting: Setting,
  signal?: AbortSignal,
): Promise<Model> {
  const { seed, settings } = options;
  return new ShownTraining().train(train, {
    hyperparameters: setting,
    seed,
    validation,
    signal,
    ...settings,
  });
}

/** Trains the best, writes its model and judges it. */
async function trainBest(options: TuneFiles, data: TuningData, setting: Setting): Promise<JudgedRow[]> {
  const started = performance.now();
  const model = await trained(options, data, setting);
  const sizeBytes = saveModel(model, options.model);
  tell(thresholdText(model.card));
  const eventsSeen = data.train.count * model.card.hyperparameters.epochs;
  tell(savedText(options.model, sizeBytes, eventsSeen, performance.now() - started));
  return judgedRows(model, 'the best', options, data);
}

/** Trained to compare with the best; where they are the best, its figures are theirs. */
async function rowsOfDefaults(
  options: TuneFiles,
  data: TuningData,
  search: Search,
  rowsOfBest: readonly JudgedRow[],
  { comparison }: Interrupts,
): Promise<JudgedRow[]> {
  const { defaults } = search.plan;
  const best = search.best()!.setting;
  if (options.space.dimensions.every(({ name }) => defaults[name] === best[name])) {
    return rowsOfBest.map((row) => ({ ...row, model: 'the defaults' }));
  }
  // Whoever stops a search does not want to wait for one more training.
  if (comparison.aborted) return [];
  tell('\ntraining with the defaults, to compare');
  try {
    const model = await trained(options, data, { ...search.plan.fixed, ...defaults }, comparison);
    return judgedRows(model, 'the defaults', options, data);
  } catch (error) {
    if (error === comparison.reason) return [];
    throw error;
  }
}

/** By the validation events and, where there are any, the test events. */
function judgedRows(model: Model, who: string, options: TuneFiles, data: TuningData): JudgedRow[] {
  const { objective, seed, sampleSize } = options;
  const rows = (name: JudgedRow['data'], path: string) => {
    const events = data[name];
    if (!events) return [];
    const judgedOptions = { seed, sampleSize, name: path };
    return judgeModel(model, who, name, events, data.train, judgedObjectives(objective), judgedOptions);
  };
  return [...rows('validation', options.validation), ...rows('test', options.test ?? '')];
}
