import { counted, grouped, InputError } from '../errors.ts';
import { distinctPairs } from '../events/distinctPairs.ts';
import { type Events, selectEvents } from '../events/events.ts';
import { withoutFuture } from '../events/future.ts';
import { AccountWeights } from '../history/accountWeights.ts';
import { fitWeights, type Likelihoods, rowsByAccount } from '../history/expectation.ts';
import { expertCount, experts, weightsOf } from '../history/mixture.ts';
import { PLACE_RUNG } from '../history/rungs.ts';
import { compacted } from './compact.ts';
import type { Model } from './model.ts';

/** What an update did. */
export interface UpdateSummary {
  /** events added */
  added: number;
  /** of them, from places new to their account */
  newPlaces: number;
  /** of them, without a time, so that nobody can tell whether the model has them already */
  untimed: number;
  /** accounts that the model had not seen */
  newAccounts: number;
  /** events left out: not later than the model's last one */
  older: number;
  /** events left out: more than a day ahead of now */
  ahead: number;
  /** events of a family that the vectors know nothing of */
  unknownFamily: number;
}

/** An account's earlier weights count as so many new places beside those of the update. */
const EARLIER_PLACES = 20;

/**
 * The model with later events in its histories, its background and the weights of its accounts. Vectors, calibration and
 * threshold stay as they are. Events not later than the model's last one are left out and counted, so that the same events
 * given twice count once.
 * @param now seconds since 1970: events more than a day ahead of it are left out and counted, as clocks that are wrong
 *   would make all later events old ones
 * @throws InputError where no event is left
 */
export function updateModel(
  model: Model,
  events: Events,
  now: number,
): { model: Model; summary: UpdateSummary } {
  const { seen, history, card } = model;
  const lastTime = card.data.lastTime;
  const { events: past, ahead } = withoutFuture(events, now);
  // Comparisons with NaN, the missing time, are false.
  const isOld = (i: number) => past.time[i] <= (lastTime ?? Number.NEGATIVE_INFINITY);
  const later = selectEvents(
    past,
    Uint32Array.from(past.time.keys()).filter((i) => !isOld(i)),
  );
  const older = past.count - later.count;
  if (later.count === 0) {
    throw new InputError(
      `update: expected events later than the model's last one${lastTime === null ? '' : ` (${new Date(lastTime * 1000).toISOString()})`}, got ${counted(older, 'older one')} and ${grouped(ahead)} more than a day ahead of this machine's clock.`,
    );
  }
  const accounts = laterWeights(model, later);
  const known = seen.count;
  let newPlaces = 0;
  let unknownFamily = 0;
  for (let i = 0; i < later.count; i++) {
    const [low, high] = later.entities.hashOf(later.entity[i]);
    const entity = seen.find(low, high);
    if (entity < 0 || !history.hasPlace(entity, later.addresses, i)) newPlaces++;
    if (model.neural.isUnknownFamily(later.addresses, i)) unknownFamily++;
    model.add(low, high, later.addresses, i, later.time[i]);
  }
  const untimed = later.time.filter(Number.isNaN).length;
  const newAccounts = seen.count - known;
  return {
    model: compacted(model, accounts),
    summary: { added: later.count, newPlaces, untimed, newAccounts, older, ahead, unknownFamily },
  };
}

/** The weights of all accounts, those with new places fitted to them, each once, by the history as it was before. */
function laterWeights(model: Model, events: Events): AccountWeights {
  const { seen, history, mixture } = model;
  const X = expertCount(history.rungs);
  const view = history.view();
  const numbers = seen.numbersOf(events.entities);
  const rows: number[] = [];
  const entity = Int32Array.from(events.entity, (e) => numbers[e]);
  const likelihoods: Likelihoods = {
    count: events.count,
    experts: X,
    ratios: new Float64Array(events.count * X),
  };
  for (const i of distinctPairs(events)) {
    history.look(entity[i], events.addresses, i, view);
    if (view.places === 0 || view.own[PLACE_RUNG] > 0) continue;
    const ratios = likelihoods.ratios.subarray(i * X, (i + 1) * X);
    experts(view, history.population, mixture.background, ratios);
    rows.push(i);
  }
  const weights = new Map<number, Float64Array>();
  const scratch = new Float64Array(X);
  for (const owner of mixture.accounts.entities) {
    mixture.accounts.read(owner, scratch);
    weights.set(owner, scratch.slice());
  }
  const ones = new Float64Array(events.count).fill(1);
  for (const [account, mine] of rowsByAccount(rows, entity)) {
    const base = weightsOf(mixture, account, history.placesOf(account), scratch).slice();
    const prior = base.map((lambda) => lambda * EARLIER_PLACES);
    weights.set(account, fitWeights(likelihoods, mine, ones, base, prior));
  }
  return AccountWeights.of(weights, X);
}
