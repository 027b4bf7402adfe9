import { formatAddress } from '../../addresses/address.ts';
import { type GroupTable, NO_GROUP } from '../../addresses/groupTable.ts';
import type { Model } from '../../model/model.ts';
import { accountPoints, networkOfRow, networkPoints, type VectorPoints } from '../../model/vectorPoints.ts';
import { type InSteps, principalComponents, projected } from '../../neural/principalComponents.ts';
import type { Serving } from '../serving.ts';
import type { AccountNames } from './accountNames.ts';
import type { MapAnswer, MapKind, MapNeighbours } from './contract.ts';
import { GroupNames } from './groupNames.ts';
import { Slices } from './slices.ts';

/** First components that are kept: UMAP loses nothing that is seen, and starts sooner. */
const COMPONENTS = 15;
/** On the wire; a screen shows three. */
const DIGITS = 4;
/** Maps that are kept: of both kinds, with two limits. */
const MOST_MAPS = 4;
const MOST_NAME_CHARACTERS = 120;
const STEP = 2000;

interface VectorMap {
  points: VectorPoints;
  answer: Omit<MapAnswer, 'names'>;
  /** where each id stands */
  positions: Map<number, number>;
  /** of networks */
  names: string[] | undefined;
}

/** The vectors of a model as points. They are worked out when somebody asks for them first, and kept as long as the model. */
export class VectorMaps {
  readonly #serving: Serving;
  readonly #groups: GroupTable[];
  readonly #names: AccountNames;
  readonly #maps = new Map<string, Promise<VectorMap>>();
  #number = -1;

  /** @param groups tables that name providers and countries, beside the model's own */
  constructor(serving: Serving, groups: GroupTable[], names: AccountNames) {
    this.#serving = serving;
    this.#groups = groups;
    this.#names = names;
  }

  /** @param limit points at most, the most used ones */
  async map(kind: MapKind, limit: number): Promise<MapAnswer> {
    const { model } = this.#serving.main;
    const { answer, names } = await this.#find(kind, limit);
    return {
      ...answer,
      names: names ?? answer.ids.map((id) => cut(this.#names.nameOf(model.seen.hashOf(id)))),
    };
  }

  /** The points that are most alike, by cosine. @returns undefined where no point has the id */
  async neighbours(
    kind: MapKind,
    id: number,
    count: number,
    limit: number,
  ): Promise<MapNeighbours | undefined> {
    const { model } = this.#serving.main;
    const { points, positions, names } = await this.#find(kind, limit);
    const position = positions.get(id);
    if (position === undefined) return undefined;
    const name = (at: number) => names?.[at] ?? this.#names.nameOf(model.seen.hashOf(points.ids[at]));
    return {
      name: name(position),
      neighbours: mostAlike(points, position, count, model.weights.dimension).map(({ at, cosine }) => ({
        id: points.ids[at],
        name: name(at),
        cosine: rounded(cosine),
      })),
    };
  }

  #find(kind: MapKind, limit: number): Promise<VectorMap> {
    const { model, number } = this.#serving.main;
    if (number !== this.#number) this.#maps.clear();
    this.#number = number;
    const key = `${kind} ${limit}`;
    const known = this.#maps.get(key);
    if (known) return known;
    const made = new Slices().run(mapOf(model, kind, limit, new GroupNames(this.#groups, model)));
    made.catch(() => this.#maps.delete(key));
    this.#maps.set(key, made);
    for (const oldest of [...this.#maps.keys()].slice(0, -MOST_MAPS)) this.#maps.delete(oldest);
    return made;
  }
}

const cut = (name: string | null) =>
  name === null || name.length <= MOST_NAME_CHARACTERS ? name : `${name.slice(0, MOST_NAME_CHARACTERS)}…`;

const rounded = (value: number) => Math.round(value * 10 ** DIGITS) / 10 ** DIGITS || 0;

function* mapOf(model: Model, kind: MapKind, limit: number, groups: GroupNames): InSteps<VectorMap> {
  const points = yield* kind === 'accounts' ? accountPoints(model, limit) : networkPoints(model, limit);
  const N = points.ids.length;
  const found = yield* principalComponents(points.vectors, model.weights.dimension, COMPONENTS);
  const C = found.components.length;
  const coordinates = yield* projected(points.vectors, found);
  const principal = Array.from(coordinates, rounded);
  yield;
  const xy: number[] = [];
  // Where all points are alike there are no directions to tell them apart.
  for (let i = 0; i < N; i++) xy.push(C > 0 ? principal[i * C] : 0, C > 1 ? principal[i * C + 1] : 0);
  const of = kind === 'accounts' ? groupsOfAccounts : groupsOfNetworks;
  const providers = yield* namedGroups(of, model, points, groups.table('asn'));
  const countries = yield* namedGroups(of, model, points, groups.table('country'));
  return {
    points,
    answer: {
      kind,
      all: points.all,
      xy,
      principal,
      components: C,
      explained: Array.from(found.variances, (one) => rounded(found.total > 0 ? one / found.total : 0)),
      providers: providers.indices,
      countries: countries.indices,
      provider_names: providers.names,
      country_names: countries.names,
      sizes: Array.from(points.sizes),
      ids: Array.from(points.ids),
      tables: groups.kinds,
    },
    positions: new Map(Array.from(points.ids, (id, at) => [id, at])),
    names: kind === 'accounts' ? undefined : Array.from(points.ids, (row) => networkName(model, row)),
  };
}

function networkName({ weights }: Model, row: number): string {
  const { words, length } = networkOfRow(weights.prefixes, row);
  return `${formatAddress(words)}/${length}`;
}

/** The group of each point as an index into names, the most frequent first; −1 where there is none. */
function* namedGroups(
  of: (model: Model, points: VectorPoints, table: GroupTable) => InSteps<Uint32Array>,
  model: Model,
  points: VectorPoints,
  table: GroupTable | undefined,
): InSteps<{ indices: number[]; names: string[] }> {
  if (!table) return { indices: new Array(points.ids.length).fill(-1), names: [] };
  const groups = yield* of(model, points, table);
  const counts = new Map<number, number>();
  for (const group of groups) if (group !== NO_GROUP) counts.set(group, (counts.get(group) ?? 0) + 1);
  const ranked = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([group]) => group);
  const indexOf = new Map(ranked.map((group, index) => [group, index]));
  return {
    indices: Array.from(groups, (group) => indexOf.get(group) ?? -1),
    names: ranked.map((group) => table.label(group)),
  };
}

function* groupsOfNetworks(model: Model, { ids }: VectorPoints, table: GroupTable): InSteps<Uint32Array> {
  const groups = new Uint32Array(ids.length);
  for (const [i, row] of ids.entries()) {
    groups[i] = table.find(networkOfRow(model.weights.prefixes, row).words);
    if (i % STEP === STEP - 1) yield;
  }
  return groups;
}

/** The group that most of an account's events came from. */
function* groupsOfAccounts(
  { history }: Model,
  { ids }: VectorPoints,
  table: GroupTable,
): InSteps<Uint32Array> {
  const groups = new Uint32Array(ids.length);
  const { places } = history;
  const segment = places.segment();
  const events = new Map<number, number>();
  const words = new Uint32Array(4);
  let looked = 0;
  for (const [i, entity] of ids.entries()) {
    events.clear();
    for (const ipv4 of [true, false]) {
      const { columns, from, to } = places.find(entity, ipv4, segment);
      looked += to - from;
      for (let at = from; at < to; at++) {
        words[0] = ipv4 ? 0 : columns.high[at];
        words[1] = ipv4 ? 0 : columns.low[at];
        words[2] = ipv4 ? 0xffff : 0;
        words[3] = ipv4 ? columns.high[at] : 0;
        const group = table.find(words);
        events.set(group, (events.get(group) ?? 0) + columns.events[at]);
      }
    }
    let most = 0;
    for (const [group, count] of events) {
      if (group === NO_GROUP || count <= most) continue;
      groups[i] = group;
      most = count;
    }
    if (looked < STEP * 10) continue;
    looked = 0;
    yield;
  }
  return groups;
}

/** Exact: the cosine with every point. */
function mostAlike({ vectors, ids }: VectorPoints, position: number, count: number, dimension: number) {
  const own = vectors.subarray(position * dimension, (position + 1) * dimension);
  const best: { at: number; cosine: number }[] = [];
  for (let at = 0; at < ids.length; at++) {
    if (at === position) continue;
    let cosine = 0;
    for (let d = 0; d < dimension; d++) cosine += own[d] * vectors[at * dimension + d];
    if (best.length === count && cosine <= best[count - 1].cosine) continue;
    const before = best.findIndex((one) => one.cosine < cosine);
    best.splice(before < 0 ? best.length : before, 0, { at, cosine });
    best.length = Math.min(count, best.length);
  }
  return best;
}
