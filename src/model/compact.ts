import type { PlaceColumns } from '../history/accountPlaces.ts';
import { AccountWeights } from '../history/accountWeights.ts';
import { Decay } from '../history/decay.ts';
import { History } from '../history/history.ts';
import { expertCount } from '../history/mixture.ts';
import { Model } from './model.ts';
import { SeenEntities } from './seenEntities.ts';

/**
 * The same model with what it observed in its columns, as a file has them: entities in the order of their hashes, no
 * account set aside. Its background is counted anew, so that from here on observed events are part of what is common, and
 * with a half-life all fade up to the day of the last one.
 * A model that observed nothing is returned as it is.
 * @param accounts its weights of accounts, where others than its own shall hold from here on
 */
export function compacted(model: Model, accounts = model.mixture.accounts): Model {
  const { seen, history, mixture, card, weights, calibration } = model;
  if (!history.places.hasGrown && seen.isSorted) return model;
  const order = seen.sortedOrder();
  const hashes = new Uint32Array(order.length * 2);
  const numberOf = new Uint32Array(order.length);
  for (let i = 0; i < order.length; i++) {
    hashes.set(seen.hashOf(order[i]), i * 2);
    numberOf[order[i]] = i;
  }
  const places = history.places.compacted(order);
  const { halfLifeDays } = history.decay;
  const referenceDay = Math.max(history.decay.referenceDay, lastDayOf(places.ipv4), lastDayOf(places.ipv6));
  const untrained = Uint32Array.from(order.keys()).filter((i) => !seen.hasVector(order[i]));
  return new Model({
    card: { ...card, mixture: { ...card.mixture, referenceDay } },
    weights,
    calibration,
    seen: new SeenEntities(hashes, untrained),
    history: new History(
      places,
      history.groups.map(({ table }) => table),
      new Decay(halfLifeDays, referenceDay),
    ),
    mixture: {
      ...mixture,
      accounts: renumbered(accounts, numberOf, expertCount(history.rungs)),
    },
  });
}

const lastDayOf = ({ day }: PlaceColumns) => day.reduce((last, one) => Math.max(last, one), 0);

function renumbered(accounts: AccountWeights, numberOf: Uint32Array, experts: number): AccountWeights {
  const rows = Array.from(accounts.entities, (entity, row) => ({ entity: numberOf[entity], row })).sort(
    (a, b) => a.entity - b.entity,
  );
  const codes = new Uint8Array(accounts.codes.length);
  for (const [i, { row }] of rows.entries()) {
    codes.set(accounts.codes.subarray(row * experts, (row + 1) * experts), i * experts);
  }
  return new AccountWeights(
    Uint32Array.from(rows, ({ entity }) => entity),
    codes,
    experts,
  );
}
