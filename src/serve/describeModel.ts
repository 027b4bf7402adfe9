import { basename } from 'node:path';
import { formatTime } from '../events/time.ts';
import { thinnedTail } from '../model/calibration.ts';
import type { ModelThreshold } from '../model/modelCard.ts';
import { trainingIdentity } from '../model/trainingIdentity.ts';
import { HYPERPARAMETERS } from '../neural/hyperparameters.ts';
import { version } from '../version.ts';
import type { Serving } from './serving.ts';

const timeText = (seconds: number | null) => (seconds === null ? null : formatTime(seconds));

/** Neighbours differ by some 3 % of their counts. */
const CALIBRATION_POINTS = 400;

/** A threshold under the names that it has outside. */
const thresholdObject = (threshold: ModelThreshold | null) =>
  threshold && {
    anomaly: threshold.anomaly,
    rule: threshold.rule,
    limit: threshold.limit,
    false_positive_rate: threshold.falsePositiveRate,
  };

/** GET /v1/model: the model in use. AWS's names for hyperparameters, as in training jobs. */
export function describeModel({ main, keepsJournal, options, desk }: Serving): Record<string, unknown> {
  const { model, loadedAt, sizeBytes } = main;
  const { data, hyperparameters, threshold, trainedBy, seed, mixture, quantization, history } = model.card;
  const { all } = model.calibration;
  const { byTime, events, newPlaces, eventsPerDay } = mixture.fittedOn;
  return {
    version,
    ...(model.held && { shards: model.held.shards, shards_of: model.held.count }),
    file: options.model === undefined ? null : basename(options.model),
    trained_by: trainedBy,
    loaded_at: new Date(loadedAt).toISOString(),
    size_bytes: sizeBytes,
    identity: trainingIdentity(model.card),
    seed,
    hyperparameters: Object.fromEntries(
      HYPERPARAMETERS.map(({ name, awsName }) => [awsName, hyperparameters[name]]),
    ),
    data: {
      events: data.events,
      ipv4_events: data.ipv4Events,
      ipv6_events: data.ipv6Events,
      entities: data.entities,
      networks: data.prefixes,
      first_time: timeText(data.firstTime),
      last_time: timeText(data.lastTime),
      events_added: data.eventsAdded,
    },
    training: history.map(({ epoch, crossEntropyNats, accuracy, discriminatorAuc }) => ({
      epoch,
      cross_entropy: crossEntropyNats,
      accuracy,
      discriminator_auc: discriminatorAuc,
    })),
    fitted_on: { by_time: byTime, events, new_places: newPlaces },
    honest_events_per_day: eventsPerDay,
    calibration: {
      events: all.events,
      points: thinnedTail(all, CALIBRATION_POINTS).map(([anomaly, atLeast]) => [
        anomaly,
        atLeast / all.events,
      ]),
    },
    tables: mixture.tables.map(({ kind, name }) => ({ kind, name })),
    half_life_days: mixture.halfLifeDays,
    vector_bits: quantization?.bits ?? 32,
    threshold: thresholdObject(threshold),
    threshold_of_new_accounts: model.thresholdFor(-1) ?? null,
    server_threshold: options.threshold ?? null,
    keeps_observed_events: keepsJournal,
    has_evaluation: desk?.evaluation !== undefined,
  };
}
