import type { GroupTable } from '../addresses/groupTable.ts';
import type { EntityDictionary, Events } from '../events/events.ts';
import type { Calibration } from '../model/calibration.ts';
import type { Model } from '../model/model.ts';
import type { ModelCard } from '../model/modelCard.ts';
import type { PrefixTable } from '../neural/prefixes.ts';

/** What an evaluation asks of a model, which is here or on several ranks. */
export interface JudgedModel {
  card: ModelCard;
  calibration: Calibration;
  prefixes: PrefixTable;
  /** of providers and countries */
  tables: readonly GroupTable[];
  /** @returns f64[N], high = strange */
  anomalies(events: Events): Float64Array;
  /** ln of the likelihood ratio of the history alone. @returns f64[N], low = strange */
  logRatios(events: Events): Float64Array;
  /** @returns f32[N], high = expected */
  dotProducts(events: Events): Float32Array;
  /** Events that the model knows of each entity. @returns f64[E], −1 for those that it has not seen */
  eventsOf(entities: EntityDictionary): Float64Array;
}

/** A model that is here. */
export function judgedModel(model: Model): JudgedModel {
  const { card, calibration, seen, history } = model;
  return {
    card,
    calibration,
    prefixes: model.weights.prefixes,
    tables: history.groups.map(({ table }) => table),
    anomalies: (events) => model.anomalies(events),
    logRatios: (events) => model.logRatios(events),
    dotProducts: (events) => model.dotProducts(events),
    eventsOf: (entities) =>
      Float64Array.from(seen.numbersOf(entities), (number) => (number < 0 ? -1 : history.eventsOf(number))),
  };
}
