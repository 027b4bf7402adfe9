import { GroupTable, groupTableFault } from '../addresses/groupTable.ts';
import { InputError } from '../errors.ts';
import type { GroupSums } from '../history/accountGroups.ts';
import { AccountPlaces, type PlaceColumns } from '../history/accountPlaces.ts';
import { AccountWeights } from '../history/accountWeights.ts';
import { Decay } from '../history/decay.ts';
import { History } from '../history/history.ts';
import { BUCKETS, expertCount, type MixtureWeights } from '../history/mixture.ts';
import { type PopulationParts, populationParts } from '../history/populationParts.ts';
import { RUNGS } from '../history/rungs.ts';
import { CALIBRATION_ROWS, Calibration, type Tail } from './calibration.ts';
import type { FileCard } from './modelFileKind.ts';
import type { Column, Sections } from './sectionFile.ts';

/*
 * The history, the weights of its mixture and its calibration as sections of a model file (docs/model-file.md).
 */

/** Names of groups in one text: no name has a line break. */
export const encodeNames = (names: string[]) =>
  new TextEncoder().encode(names.map((name) => name.replace(/\s+/g, ' ')).join('\n'));

/** How many places each entity has. */
function countsOf({ starts }: PlaceColumns, mostPlaces: number): Uint16Array | Uint32Array {
  const length = starts.length - 1;
  const counts = mostPlaces > 0xffff ? new Uint32Array(length) : new Uint16Array(length);
  for (let e = 0; e < length; e++) counts[e] = starts[e + 1] - starts[e];
  return counts;
}

/** The most places that an entity has in one family: decides how wide counts are. */
export function mostPlacesOf(columns: PlaceColumns[]): number {
  let most = 0;
  for (const { starts } of columns) {
    for (let e = 0; e + 1 < starts.length; e++) most = Math.max(most, starts[e + 1] - starts[e]);
  }
  return most;
}

/** Places and weights of accounts. */
export function placesAndWeightsColumns(
  { ipv4, ipv6 }: AccountPlaces,
  weights: AccountWeights,
  mostPlaces: number,
): Record<string, Column[]> {
  return {
    ipv4_counts: [countsOf(ipv4, mostPlaces)],
    ipv4_places: [ipv4.high],
    ipv4_events: [ipv4.events],
    ipv4_days: [ipv4.day],
    ipv6_counts: [countsOf(ipv6, mostPlaces)],
    ipv6_places: [ipv6.high, ipv6.low],
    ipv6_events: [ipv6.events],
    ipv6_days: [ipv6.day],
    account_weight_owners: [weights.entities],
    account_weights: [weights.codes],
  };
}

/** Calibration and tables. */
export function fittedColumns(
  calibration: Calibration,
  tables: readonly GroupTable[],
): Record<string, Column[]> {
  const tails = [...calibration.rows, calibration.all];
  const columns: Record<string, Column[]> = {
    calibration_anomalies: tails.map(({ anomalies }) => anomalies),
    calibration_at_least: tails.map(({ atLeast }) => atLeast),
  };
  for (const [t, { parts }] of tables.entries()) {
    const { ids, names, ipv4Firsts, ipv4Groups, ipv6Firsts, ipv6Groups } = parts;
    columns[`table_${t}_ids`] = [ids];
    columns[`table_${t}_names`] = [encodeNames(names)];
    columns[`table_${t}_ipv4_firsts`] = [ipv4Firsts];
    columns[`table_${t}_ipv4_groups`] = [ipv4Groups];
    columns[`table_${t}_ipv6_firsts`] = [ipv6Firsts];
    columns[`table_${t}_ipv6_groups`] = [ipv6Groups];
  }
  return columns;
}

/** What takes longest of a history, for another thread to do. @throws InputError where sections contradict each other */
export function readPopulation(sections: Sections<FileCard>, name: string): PopulationParts {
  const { places, decay } = readPlacesOf(sections, name);
  return populationParts(places, decay);
}

function readPlacesOf(sections: Sections<FileCard>, name: string): { places: AccountPlaces; decay: Decay } {
  const { halfLifeDays, referenceDay } = sections.card.mixture;
  const bad = badIn(name);
  return {
    places: new AccountPlaces(readPlaces(true, sections, bad), readPlaces(false, sections, bad)),
    decay: new Decay(halfLifeDays ?? undefined, referenceDay),
  };
}

/**
 * Reads the same again. Places are copied, as events that are observed later change them.
 * @returns what ends it, with the population where another thread has read it already
 * @throws InputError where sections contradict each other
 */
export function beginHistory(
  sections: Sections<FileCard>,
  name: string,
): (
  population?: PopulationParts,
  groupSums?: readonly GroupSums[],
) => { history: History; mixture: MixtureWeights; calibration: Calibration } {
  const { card, column, numbers } = sections;
  const { entities } = card.data;
  const { mixture } = card;
  const bad = badIn(name);
  const tables = mixture.tables.map((_, t) => readTable(sections, t, bad));
  const { places, decay } = readPlacesOf(sections, name);
  const X = expertCount(RUNGS + tables.length);
  const isWhole = (weights: number[], length: number) =>
    weights.length === length && Math.abs(weights.reduce((sum, w) => sum + w, 0) - 1) < 1e-6;
  if (!isWhole(mixture.background, X - 1)) {
    throw bad(`expected ${X - 1} background weights that sum to 1`);
  }
  if (mixture.buckets.length !== BUCKETS.length || !mixture.buckets.every((lambda) => isWhole(lambda, X))) {
    throw bad(`expected ${BUCKETS.length} buckets of ${X} weights that sum to 1`);
  }
  const owners = column<Uint32Array>('account_weight_owners');
  for (let w = 0; w < owners.length; w++) {
    if (owners[w] >= entities || (w > 0 && owners[w] <= owners[w - 1])) {
      throw bad(`account_weight_owners ${w} is out of order or of no entity`);
    }
  }
  const codes = column<Uint8Array>('account_weights');
  for (let w = 0; w < owners.length; w++) {
    if (codes.subarray(w * X, (w + 1) * X).every((code) => code === 255)) {
      throw bad(`account_weights ${w} has no weight at all`);
    }
  }
  const rest = {
    mixture: {
      background: Float64Array.from(mixture.background),
      repeatShare: mixture.repeatShare,
      buckets: mixture.buckets.map((lambda) => Float64Array.from(lambda)),
      accounts: new AccountWeights(owners, codes, X),
    },
    calibration: readCalibration(
      card,
      numbers('calibration_anomalies'),
      column<Uint32Array>('calibration_at_least'),
      bad,
    ),
  };
  return (population, groupSums) => ({
    history: new History(places, tables, decay, population, undefined, groupSums),
    ...rest,
  });
}

type Bad = (what: string) => InputError;
const badIn =
  (name: string): Bad =>
  (what) =>
    new InputError(`${name}: ${what}. Retrain.`);

function readPlaces(ipv4: boolean, { card, column }: Sections<FileCard>, bad: Bad): PlaceColumns {
  const family = ipv4 ? 'ipv4' : 'ipv6';
  const counts = column<Uint16Array | Uint32Array>(`${family}_counts`);
  const P = card.data[ipv4 ? 'ipv4Places' : 'ipv6Places'];
  const starts = new Uint32Array(counts.length + 1);
  let total = 0;
  for (let e = 0; e < counts.length; e++) {
    total += counts[e];
    starts[e + 1] = total;
  }
  if (total !== P) throw bad(`${family}_counts sum to ${total}, there are ${P} places`);
  const words = column<Uint32Array>(`${family}_places`);
  const columns: PlaceColumns = {
    ipv4,
    starts,
    high: words.slice(0, P),
    low: ipv4 ? new Uint32Array(0) : words.slice(P),
    events: column<Uint16Array>(`${family}_events`).slice(),
    day: column<Uint16Array>(`${family}_days`).slice(),
  };
  const { high, low } = columns;
  for (let e = 0; e < counts.length; e++) {
    for (let at = starts[e] + 1; at < starts[e + 1]; at++) {
      const isAbove =
        high[at] > high[at - 1] || (!ipv4 && high[at] === high[at - 1] && low[at] > low[at - 1]);
      if (!isAbove) throw bad(`${family}_places ${at} is out of order`);
    }
  }
  const unused = columns.events.indexOf(0);
  if (unused >= 0) throw bad(`${family}_events ${unused} is 0`);
  return columns;
}

function readTable({ card, column }: Sections<FileCard>, t: number, bad: Bad): GroupTable {
  const { kind } = card.mixture.tables[t];
  const section = <T extends Column>(part: string) => column<T>(`table_${t}_${part}`);
  const parts = {
    kind,
    ids: section<Uint32Array>('ids'),
    names: new TextDecoder().decode(section<Uint8Array>('names').slice()).split('\n'),
    ipv4Firsts: section<Uint32Array>('ipv4_firsts'),
    ipv4Groups: section<Uint32Array>('ipv4_groups'),
    ipv6Firsts: section<Uint32Array>('ipv6_firsts'),
    ipv6Groups: section<Uint32Array>('ipv6_groups'),
  };
  const fault = groupTableFault(parts);
  if (fault !== undefined) throw bad(`table ${t}: ${fault}`);
  return new GroupTable(parts);
}

function readCalibration(
  { calibration }: FileCard,
  anomalies: Float32Array,
  atLeast: Uint32Array,
  bad: Bad,
): Calibration {
  if (calibration.length !== CALIBRATION_ROWS.length + 1) {
    throw bad(`expected ${CALIBRATION_ROWS.length + 1} rows of calibration, got ${calibration.length}`);
  }
  let at = 0;
  const tails = calibration.map(({ events, points }): Tail => {
    const tail = {
      events,
      anomalies: anomalies.subarray(at, at + points),
      atLeast: atLeast.subarray(at, at + points),
    };
    at += points;
    for (let m = 0; m < points; m++) {
      const isDescending = m === 0 ? tail.atLeast[m] <= events : tail.atLeast[m] <= tail.atLeast[m - 1];
      const isAscending = m === 0 || tail.anomalies[m] >= tail.anomalies[m - 1];
      if (!isDescending || !isAscending) throw bad(`calibration point ${at - points + m} is out of order`);
    }
    return tail;
  });
  return new Calibration(tails.slice(0, -1), tails[tails.length - 1]);
}
