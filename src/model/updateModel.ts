import { isIpv4 } from '../addresses/address.ts';
import { counted, grouped, InputError } from '../errors.ts';
import { distinctPairs } from '../events/distinctPairs.ts';
import { type Events, selectEvents } from '../events/events.ts';
import { SECONDS_PER_DAY } from '../events/time.ts';
import { AccountWeights } from '../history/accountWeights.ts';
import { fitWeights, type Likelihoods, rowsByAccount } from '../history/expectation.ts';
import { expertCount, experts, weightsOf } from '../history/mixture.ts';
import { PLACE_RUNG } from '../history/rungs.ts';
import { compacted } from './compact.ts';
import { Model } from './model.ts';

/** What an update did. */
export interface UpdateSummary {
  /** events added */
  added: number;
  /** of them, from places new to their account */
  newPlaces: number;
  /** accounts that the model had not seen */
  newAccounts: number;
  /** events left out: from before the model's last one */
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
 * threshold stay as they are.
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
  const summary: UpdateSummary = {
    added: 0,
    newPlaces: 0,
    newAccounts: 0,
    older: 0,
    ahead: 0,
    unknownFamily: 0,
  };
  let ipv4Events = 0;
  const lastTime = card.data.lastTime ?? Number.NEGATIVE_INFINITY;
  const kept: number[] = [];
  for (let i = 0; i < events.count; i++) {
    // Comparisons with NaN, the missing time, are false.
    if (events.time[i] < lastTime) summary.older++;
    else if (events.time[i] > now + SECONDS_PER_DAY) summary.ahead++;
    else kept.push(i);
  }
  if (kept.length === 0) {
    throw new InputError(
      `update: expected events later than the model's last one${card.data.lastTime === null ? '' : ` (${new Date(card.data.lastTime * 1000).toISOString()})`}, got ${counted(summary.older, 'older one')} and ${grouped(summary.ahead)} more than a day ahead of this machine's clock.`,
    );
  }
  const later = selectEvents(events, kept);
  const accounts = laterWeights(model, later);
  const known = seen.count;
  let last = card.data.lastTime;
  for (let i = 0; i < later.count; i++) {
    const [low, high] = later.entities.hashOf(later.entity[i]);
    const entity = seen.add(low, high);
    if (!history.hasPlace(entity, later.addresses, i)) summary.newPlaces++;
    if (model.neural.isUnknownFamily(later.addresses, i)) summary.unknownFamily++;
    history.observe(entity, later.addresses, i, later.time[i]);
    if (!Number.isNaN(later.time[i])) last = Math.max(last ?? later.time[i], later.time[i]);
    if (isIpv4(later.addresses, i)) ipv4Events++;
  }
  summary.added = later.count;
  summary.newAccounts = seen.count - known;
  const data = {
    ...card.data,
    events: card.data.events + summary.added,
    ipv4Events: card.data.ipv4Events + ipv4Events,
    ipv6Events: card.data.ipv6Events + summary.added - ipv4Events,
    eventsAdded: card.data.eventsAdded + summary.added,
    entities: seen.count,
    lastTime: last,
  };
  const changed = new Model({
    card: { ...card, data },
    weights: model.weights,
    seen,
    history,
    mixture: { ...model.mixture, accounts },
    calibration: model.calibration,
  });
  return { model: compacted(changed), summary };
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
