import type { Events } from '../events/events.ts';
import type { Model } from '../model/model.ts';
import { rankScores } from '../ranking/roc.ts';
import { type JudgedEvents, type JudgedOptions, judgedEvents } from './judgedEvents.ts';
import { type Objective, parseObjective } from './objectives.ts';
import type { JudgedRow } from './tuningResult.ts';

/** The objective of a search, and those that everybody asks for. */
export function judgedObjectives(objective: Objective): Objective[] {
  const others = ['discriminator_auc', 'swap_auc', 'swap_fpr_at_tpr_.99'].map(parseObjective);
  return [objective, ...others.filter(({ name }) => name !== objective.name)];
}

/**
 * A model's vectors and its default score by several objectives.
 * @param who and `data` name the rows
 * @throws InputError where the first objective cannot be measured on the events; of the others that is null
 */
export function judgeModel(
  model: Model,
  who: string,
  data: JudgedRow['data'],
  events: Events,
  train: Events,
  objectives: readonly Objective[],
  options: JudgedOptions,
): JudgedRow[] {
  const rows: JudgedRow[] = (['dot_product', 'anomaly'] as const).map((detector) => ({
    model: who,
    detector,
    data,
    values: [],
  }));
  for (const [i, objective] of objectives.entries()) {
    let judged: JudgedEvents | undefined;
    try {
      judged = judgedEvents(objective, events, train, model.weights.prefixes, options);
    } catch (error) {
      if (i === 0) throw error;
    }
    for (const row of rows) {
      row.values.push(judged ? measured(model, row.detector, objective, judged) : null);
    }
  }
  return rows;
}

function measured(
  model: Model,
  detector: JudgedRow['detector'],
  objective: Objective,
  { honest, attacks }: JudgedEvents,
): number {
  const anomalies = (events: Events): ArrayLike<number> =>
    detector === 'anomaly' ? model.anomalies(events) : model.dotProducts(events).map((dot) => -dot);
  return objective.measure(rankScores(anomalies(honest), anomalies(attacks)));
}
