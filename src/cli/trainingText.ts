import { counted, grouped } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { FULL_STEPS } from '../kernels/kernels.ts';
import type { FittedModel } from '../model/fitModel.ts';
import type { EpochRecord, ModelCard } from '../model/modelCard.ts';
import type { TrainingStart } from '../model/trainModel.ts';
import { completeHyperparameters, type Hyperparameters, optionName } from '../neural/hyperparameters.ts';
import { quantizationText, thresholdRuleText } from './modelText.ts';

/** What there is to say before each of the two trainings of a model. */
export function startLines(start: TrainingStart): string[] {
  const { stage, events, entities, pairs, hyperparameters: h, prefixes, threads, plainReason } = start;
  if (stage === 'final') {
    return [
      `training: ${counted(events, 'event')}, ${counted(pairs, 'distinct pair')}, ${counted(h.numEntityVectors, 'entity row')}, ${counted(prefixes, 'network row')}, ${h.vectorDim} dimensions, ${counted(h.epochs, 'epoch')}, ${counted(threads, 'thread')}`,
    ];
  }
  const lines = [
    `fitting: vectors of the earlier ${counted(pairs, 'pair')}, to see on later events how far they can be trusted`,
  ];
  if (plainReason !== '') lines.push(`note: ${plainReason}`);
  if (entities === 1) {
    lines.push('warning: all events are of one entity, so nothing can be learned from what others do.');
  }
  return [...lines, ...tooFewStepsLines(h, pairs)];
}

/** A dot product of less says little; it has so much where each component of two vectors has moved by sqrt(this / D). */
const LEAST_DOT_PRODUCT = 10;

/** With few of them most of the training never happens, and nothing else would tell. */
function tooFewStepsLines(h: Hyperparameters, pairs: number): string[] {
  const batches = h.epochs * Math.ceil(pairs / h.miniBatchSize);
  let move = 0;
  for (let t = 0; t < batches && h.vectorDim * move ** 2 < LEAST_DOT_PRODUCT; t++) {
    move += h.learningRate * (1 - t / batches) * Math.min(1, Math.sqrt(FULL_STEPS / (t + 1)));
  }
  if (h.vectorDim * move ** 2 >= LEAST_DOT_PRODUCT) return [];
  return [
    `note: ${counted(batches, 'mini-batch', 'mini-batches')} of this learning rate ${batches === 1 ? 'moves' : 'move'} a vector's component by at most ${move.toFixed(2)}, so that vectors learn little and the default score leans on the history. ${moreSteps(h)} would teach them more.`,
  ];
}

function moreSteps({ learningRate, miniBatchSize, epochs }: Hyperparameters): string {
  const standard = completeHyperparameters({}, 0);
  if (learningRate < standard.learningRate) return `${optionName('learningRate')} ${standard.learningRate}`;
  if (miniBatchSize > standard.miniBatchSize)
    return `${optionName('miniBatchSize')} ${standard.miniBatchSize}`;
  if (miniBatchSize > SMALL_BATCH) return `${optionName('miniBatchSize')} ${SMALL_BATCH}`;
  return `${optionName('epochs')} ${2 * epochs}`;
}

/** With few events better for the vectors than the default (docs/decisions/0011). */
const SMALL_BATCH = 100;

/** `epoch 3 of 5: cross entropy 0.05411, accuracy 0.98720` */
export const epochText = ({ epoch, crossEntropyNats, accuracy }: EpochRecord, epochs: number): string =>
  `epoch ${epoch} of ${epochs}: cross entropy ${crossEntropyNats.toFixed(5)}, accuracy ${accuracy.toFixed(5)}`;

/** Ten times the loss of a model that knows nothing, ln 2: no sound training comes near it. */
const DIVERGED_NATS = 10 * Math.LN2;

/** A warning, where a training that goes on is none. */
export function divergenceLines({ crossEntropyNats }: EpochRecord): string[] {
  if (!(crossEntropyNats > DIVERGED_NATS)) return [];
  return [
    `warning: the cross entropy is far above that of a coin (${Math.LN2.toFixed(3)}): the training diverges. Lower --learning-rate.`,
  ];
}

/** What the later events said. @param milliseconds that the fit took */
export function fitLines(fitted: FittedModel, milliseconds: number): string[] {
  const lines = [`${fitSummary(fitted)} (${(milliseconds / 1000).toFixed(1)} s)`];
  if (fitted.quantization) lines.push(`8 bits: ${quantizationText(fitted.quantization)}`);
  return lines;
}

function fitSummary({ fittedOn, stacking }: FittedModel): string {
  if (fittedOn.newPlaces === 0) {
    return 'fitting: no later event is from a place new to its account, so the mixture keeps the weights that it begins with';
  }
  return `fitting: ${counted(fittedOn.events, 'later event')}, ${grouped(fittedOn.newPlaces)} of them from places new to their account; trust in history ${stacking.history.toFixed(2)}, in vectors ${stacking.neural.toFixed(2)}`;
}

export function thresholdText({ threshold }: ModelCard): string {
  if (!threshold) return 'threshold: none, later honest events were too few';
  return `threshold: suspicious from an anomaly of ${threshold.anomaly.toFixed(3)} on (${thresholdRuleText(threshold)})`;
}

/** `login.model: 12.3 MB, trained in 4.5 s (1,234 events/s)` */
export function savedText(path: string, sizeBytes: number, eventsSeen: number, milliseconds: number): string {
  const seconds = milliseconds / 1000;
  const rate = Math.round(eventsSeen / seconds);
  return `${path}: ${(sizeBytes / 1e6).toFixed(1)} MB, trained in ${seconds.toFixed(1)} s (${counted(rate, 'event')}/s)`;
}

/** A warning, where a half-life was asked for and no event has a time. */
export function fadingLines(events: Events, halfLifeDays: number | undefined): string[] {
  if (halfLifeDays === undefined || !events.time.every(Number.isNaN)) return [];
  return ['warning: --half-life: no event has a time (third column), so nothing fades.'];
}

/** What was left out as it lies in the future. @param ahead how many events */
export const aheadText = (ahead: number): string =>
  `left out: ${counted(ahead, 'event')} more than a day ahead of this machine's clock`;
