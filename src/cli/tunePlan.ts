import { createHash } from 'node:crypto';
import { counted, grouped } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { freeMemoryBytes } from '../model/learner.ts';
import type { EarlyStopping } from '../tune/earlyStopping.ts';
import { ParzenSampler } from '../tune/parzenSampler.ts';
import { RandomSampler } from '../tune/randomSampler.ts';
import { Search } from '../tune/search.ts';
import {
  awsNamed,
  type Dimension,
  ruleOf,
  SEARCH_NAMES,
  type SearchSpace,
  type Setting,
} from '../tune/searchSpace.ts';
import { Hyperband, NoEarlyStopping, SuccessiveHalving } from '../tune/successiveHalving.ts';
import type { TrialGround } from '../tune/trialTraining.ts';
import type { TuningData } from '../tune/tuningNotes.ts';
import type { TuningResult } from '../tune/tuningResult.ts';
import { version } from '../version.ts';
import type { TuneFiles } from './tuneFiles.ts';

/**
 * Of a trial where nothing is said, twice those of `train`: early stopping has room, and slow settings come to their best.
 * With 5, searches on real addresses found nothing better than the defaults (docs/decisions/0011).
 */
export const TRIAL_EPOCHS = 10;

/** The search that the options ask for, before its first trial. */
export function searchOf(options: TuneFiles, ground: TrialGround): Search {
  const { space, fixed: given, objective, seed, strategy } = options;
  const complete = ground.complete({ epochs: TRIAL_EPOCHS, ...given });
  const fixed: Setting = {};
  for (const name of SEARCH_NAMES) {
    if (!space.dimensions.some((dimension) => dimension.name === name)) fixed[name] = complete[name];
  }
  return new Search({
    ...{ space, fixed, objective, seed },
    sampler: strategy === 'tpe' ? new ParzenSampler(space, seed) : new RandomSampler(space, seed),
    earlyStopping: earlyStoppingOf(options.earlyStopping, space, complete.epochs),
    defaults: defaultSetting(space, ground),
    epochs: complete.epochs,
  });
}

/** @param epochs of a whole training where they are not searched */
function earlyStoppingOf(
  name: TuningResult['earlyStopping'],
  space: SearchSpace,
  epochs: number,
): EarlyStopping {
  const searched = space.dimensions.find(({ name: one }) => one === 'epochs');
  const most = searched ? largest(searched) : epochs;
  switch (name) {
    case 'asha':
      return SuccessiveHalving.forEpochs(most);
    case 'hyperband':
      return Hyperband.forEpochs(most);
    case 'none':
      return new NoEarlyStopping();
  }
}

const largest = (dimension: Dimension): number =>
  dimension.kind === 'range' ? dimension.maximum : Math.max(...dimension.values);

/** What a training without options would take for the searched hyperparameters. */
function defaultSetting(space: SearchSpace, ground: TrialGround): Setting {
  const standard = ground.complete({});
  return Object.fromEntries(space.dimensions.map(({ name }) => [name, standard[name]]));
}

/** All that must be the same for a run to go on where another one ended. */
export function whatIsSearched(
  options: TuneFiles,
  { plan }: Search,
  data: TuningData,
): Record<string, unknown> {
  const { objective, strategy, earlyStopping, seed, sampleSize } = options;
  return {
    written_by: version,
    objective: objective.name,
    strategy,
    early_stopping: earlyStopping,
    seed,
    ...(objective.attacker === 'discriminated' ? {} : { sample: sampleSize }),
    space: plan.space.dimensions.map(dimensionText),
    fixed: awsNamed(plan.fixed),
    train: identity(data.train),
    validation: identity(data.validation),
  };
}

/** `vector_dim=64:1024:log`, as it is typed. */
function dimensionText(dimension: Dimension): string {
  const name = ruleOf(dimension.name).awsName;
  if (dimension.kind === 'choice') return `${name}=${dimension.values.join(',')}`;
  return `${name}=${dimension.minimum}:${dimension.maximum}:${dimension.scale}`;
}

/** The number of events and what is in them, in a few letters. */
function identity({ count, entities, entity, addresses, time }: Events): string {
  const hash = createHash('sha256');
  for (let e = 0; e < entities.count; e++) hash.update(entities.hashOf(e));
  for (const column of [entity, addresses, time])
    hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  return `${count} events ${hash.digest('hex').slice(0, 16)}`;
}

/** Memory for other things than trials. */
const FREE_SHARE = 0.7;

/** As many trials at a time as cores and memory allow; each as large as the largest of them. */
export function workersFor({ cores, maxTrials }: TuneFiles, ground: TrialGround, { plan }: Search): number {
  const most = (name: keyof Setting) => {
    const dimension = plan.space.dimensions.find((one) => one.name === name);
    return dimension ? largest(dimension) : plan.fixed[name]!;
  };
  const bytes = ground.bytesOfTrial({
    ...plan.fixed,
    ...Object.fromEntries(SEARCH_NAMES.map((name) => [name, most(name)])),
  });
  return Math.max(1, Math.min(cores, maxTrials, Math.floor((FREE_SHARE * freeMemoryBytes()) / bytes)));
}

/** What is said before the first trial. */
export function openingLines(
  { objective, maxTrials, maxSeconds, validation }: TuneFiles,
  { plan }: Search,
  ground: TrialGround,
  workers: number,
  threads: number,
): string[] {
  const { honest } = ground.judged;
  const time = maxSeconds === undefined ? '' : ` or ${grouped(maxSeconds)} s`;
  return [
    `search: ${plan.space.dimensions.map(dimensionText).join(' ')}`,
    `fixed: ${Object.entries(awsNamed(plan.fixed))
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')}`,
    `${objective.direction} ${objective.name} on ${counted(honest.count, 'event')} of ${validation}`,
    `up to ${counted(maxTrials, 'trial')}${time}, ${grouped(workers)} at a time with ${counted(threads, 'thread')} each, ${counted(ground.pairs.count, 'distinct pair')}`,
  ];
}
