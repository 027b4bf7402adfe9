/**
 * The library: train a model, save and load it, score events in process.
 *
 *     const model = await train(events, { hyperparameters: { epochs: 5 } });
 *     model.score('alice', '198.51.100.7').anomaly;   // high = strange
 */
import { explainBadAddress, parseAddress } from './addresses/address.ts';
import { InputError, quoted } from './errors.ts';
import { type AccessEvent, type EntityDictionary, type Events, EventsBuilder } from './events/events.ts';
import type { Model } from './model/model.ts';
import { type TrainOptions, trainModel } from './model/trainModel.ts';

export type { ThresholdChoice } from './decide/thresholds.ts';
export { thresholdTable } from './decide/thresholds.ts';
export { InputError, UsageError } from './errors.ts';
export type { EvaluationOptions } from './evaluate/evaluateModel.ts';
export { evaluateModel } from './evaluate/evaluateModel.ts';
export type { Evaluation, EvaluationData, Threshold, ThresholdTable } from './evaluate/evaluation.ts';
export { metricsObject } from './evaluate/metrics.ts';
export { renderReport } from './evaluate/report/report.ts';
export type { AccessEvent, Events } from './events/events.ts';
export type { Assessment, Score, Verdict } from './model/model.ts';
export { Model } from './model/model.ts';
export type { EpochRecord, ModelCard } from './model/modelCard.ts';
export type { Reason } from './model/reasons.ts';
export { loadModel, saveModel } from './model/savedModel.ts';
export type { TrainOptions } from './model/trainModel.ts';
export type { Hyperparameters } from './neural/hyperparameters.ts';
export { version } from './version.ts';

/**
 * Events as columns, from any list of them.
 * @param entities numbers the entities; give `train.entities` for events that are compared with those of `train`
 * @throws InputError at the first event without entity or with a bad address, naming its place in the list
 */
export function collectEvents(list: Iterable<AccessEvent>, entities?: EntityDictionary): Events {
  const builder = new EventsBuilder(entities);
  const encoder = new TextEncoder();
  for (const { entity, address, time } of list) {
    const place = `event ${builder.count + 1}`;
    if (typeof entity !== 'string' || entity === '') {
      throw new InputError(`${place}: expected an entity, got ${quoted(String(entity))}.`);
    }
    const words = typeof address === 'string' ? parseAddress(address) : undefined;
    if (!words) {
      throw new InputError(
        `${place}: expected an IP address, got ${quoted(String(address))}: ${explainBadAddress(String(address))}.`,
      );
    }
    const name = encoder.encode(entity);
    builder.add(name, 0, name.length, words, time ?? Number.NaN);
  }
  return builder.build();
}

/**
 * Learns which networks each entity uses.
 * @param events any list of events, or columns from `collectEvents`
 * @throws InputError for a bad event, UsageError for a hyperparameter out of range
 */
export function train(events: Iterable<AccessEvent> | Events, options: TrainOptions = {}): Promise<Model> {
  return trainModel(Symbol.iterator in events ? collectEvents(events) : events, options);
}
