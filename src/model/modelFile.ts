import type { GroupTable } from '../addresses/groupTable.ts';
import { hostBitsHigh, hostBitsLow } from '../addresses/prefixBits.ts';
import { InputError } from '../errors.ts';
import type { AccountPlaces } from '../history/accountPlaces.ts';
import type { AccountWeights } from '../history/accountWeights.ts';
import type { PopulationParts } from '../history/populationParts.ts';
import { IPV4_RUNGS, IPV6_RUNGS } from '../history/rungs.ts';
import type { Floats } from '../kernels/kernels.ts';
import type { KernelMemory } from '../kernels/webAssembly.ts';
import { isBytes, type Vectors, type Weights } from '../neural/network.ts';
import { PrefixTable } from '../neural/prefixes.ts';
import { IPV4_PREFIX_LENGTHS, IPV6_PREFIX_LENGTHS, LEVEL_LENGTHS } from '../neural/prefixLevels.ts';
import type { PrefixRows } from '../neural/prefixRows.ts';
import type { Calibration } from './calibration.ts';
import { compacted } from './compact.ts';
import {
  beginHistory,
  encodeNames,
  fittedColumns,
  mostPlacesOf,
  placesAndWeightsColumns,
  readPopulation,
} from './historySections.ts';
import { Model } from './model.ts';
import type { ModelCard } from './modelCard.ts';
import { type AccountShape, type FileCard, MODEL_FILE } from './modelFileKind.ts';
import { type Checksum, type Column, readSections, writeSections } from './sectionFile.ts';
import { SeenEntities } from './seenEntities.ts';
import { isPart, type OpenPart, readPart } from './shards/modelPart.ts';
import type { Bytes } from './source.ts';

const vectorColumns = (of: string, vectors: Vectors): Record<string, Column[]> =>
  isBytes(vectors)
    ? { [`${of}_codes`]: [vectors.codes], [`${of}_scales`]: [vectors.scales] }
    : { [`${of}_vectors`]: [float32(vectors)] };

const float32 = (column: Floats) => (column instanceof Float32Array ? column : new Float32Array(column));

/** What a file's card says of accounts beside the model's. */
export type AccountFigures = Pick<
  AccountShape,
  'mostPlaces' | 'entities' | 'untrainedEntities' | 'ipv4Places' | 'ipv6Places' | 'weighted'
>;

export function accountFigures(
  seen: SeenEntities,
  { ipv4, ipv6 }: AccountPlaces,
  weights: AccountWeights,
): AccountFigures {
  return {
    mostPlaces: mostPlacesOf([ipv4, ipv6]),
    entities: seen.count,
    untrainedEntities: seen.untrainedCount,
    ipv4Places: ipv4.high.length,
    ipv6Places: ipv6.high.length,
    weighted: weights.entities.length,
  };
}

/** A model's card with what a file needs. @param of all accounts */
export function fileCard(
  card: ModelCard,
  { weighted, ...figures }: AccountFigures,
  calibration: Calibration,
  tables: readonly GroupTable[],
): FileCard {
  return {
    ...card,
    data: { ...card.data, ...figures },
    mixture: {
      ...card.mixture,
      accounts: weighted,
      tables: card.mixture.tables.map((table, t) => {
        const { parts } = tables[t];
        return {
          ...table,
          groups: parts.ids.length,
          nameBytes: encodeNames(parts.names).length,
          ipv4Runs: parts.ipv4Groups.length,
          ipv6Runs: parts.ipv6Groups.length,
        };
      }),
    },
    calibration: [...calibration.rows, calibration.all].map(({ events, anomalies }) => ({
      events,
      points: anomalies.length,
    })),
  };
}

export const entityVectorColumns = (vectors: Vectors): Record<string, Column[]> =>
  vectorColumns('entity', vectors);

export function networkColumns({
  networkVectors,
  layers,
  prefixes,
}: Pick<Weights, 'networkVectors' | 'layers' | 'prefixes'>): Record<string, Column[]> {
  const { rows } = prefixes;
  return {
    ...vectorColumns('network', networkVectors),
    encoder_layers: layers.map(float32),
    prefix_high: [rows.high],
    prefix_low: [rows.low],
    prefix_level: [rows.level],
  };
}

export function accountColumns(
  seen: SeenEntities,
  places: AccountPlaces,
  weights: AccountWeights,
  mostPlaces: number,
): Record<string, Column[]> {
  return {
    seen_entities: [seen.hashes],
    untrained_entities: [untrainedOf(seen)],
    ...placesAndWeightsColumns(places, weights, mostPlaces),
  };
}

const untrainedOf = (seen: SeenEntities) =>
  Uint32Array.from({ length: seen.count }, (_, e) => e).filter((e) => !seen.hasVector(e));

/**
 * What takes longest of `readModel`, for another thread to do.
 * @returns undefined for a part of a model, which has it
 * @throws InputError where the bytes contradict each other
 */
export function readModelPopulation(bytes: Bytes, name: string): PopulationParts | undefined {
  if (isPart(bytes)) return undefined;
  return readPopulation(readSections(MODEL_FILE, bytes, name, 'elsewhere'), name);
}

/** A model's card without what only a file needs. */
export function modelCard({ calibration: _calibration, ...card }: FileCard): ModelCard {
  const { mostPlaces: _most, untrainedEntities: _untrained, ...data } = card.data;
  const { accounts: _accounts, ...mixture } = card.mixture;
  const tables = mixture.tables.map(({ kind, name, sha256 }) => ({ kind, name, sha256 }));
  return { ...card, data, mixture: { ...mixture, tables } };
}

/** Writes a model piece by piece. The same model gives the same bytes, also after it was read from a file. */
export function writeModel(model: Model, write: (bytes: Uint8Array) => void): void {
  const { card, seen, history, mixture, calibration, weights } = compacted(model);
  const { places, groups } = history;
  const tables = groups.map(({ table }) => table);
  const figures = accountFigures(seen, places, mixture.accounts);
  const columns = {
    ...entityVectorColumns(weights.entityVectors),
    ...networkColumns(weights),
    ...accountColumns(seen, places, mixture.accounts, figures.mostPlaces),
    ...fittedColumns(calibration, tables),
  };
  writeSections(MODEL_FILE, fileCard(card, figures, calibration, tables), columns, write);
}

/**
 * Reads a model; its tables are views of the bytes, not copies.
 * @param name how messages call the file
 * @throws InputError for every kind of damage, with a sentence of its own
 */
export function readModel(bytes: Bytes, name: string): Model {
  return beginModel(bytes, name, undefined, 0, 'verify')();
}

/**
 * The same in two steps, between which another thread may be summing up the population.
 * @param kernelMemory where the bytes lie, for the WebAssembly kernels; without, the plain ones serve
 * @param thread       which of those that share the memory this is
 * @param checksum     whether to look at it, or somebody else does
 * @returns what ends it; without a population it sums up itself
 */
export function beginModel(
  bytes: Bytes,
  name: string,
  kernelMemory: KernelMemory | undefined,
  thread: number,
  checksum: Checksum,
): (population?: PopulationParts) => Model {
  const {
    sections,
    card: ofAll,
    held,
    everybody,
  } = isPart(bytes) ? readPart(bytes, name, checksum) : readWhole(bytes, name, checksum);
  const { card: whole, column, numbers } = sections;
  const card = modelCard(ofAll);
  requireSamePrefixLengths(card, name);
  requireSameRungs(card, name);
  const { vectorDim, numIpEncoderLayers } = card.hyperparameters;
  const layers = numbers('encoder_layers');
  const layerSize = (vectorDim + 1) * vectorDim;
  const vectors = (of: string): Vectors =>
    card.quantization === null
      ? numbers(`${of}_vectors`)
      : { codes: column<Int8Array>(`${of}_codes`), scales: numbers(`${of}_scales`) };
  const weights = {
    dimension: vectorDim,
    entityVectors: vectors('entity'),
    networkVectors: vectors('network'),
    prefixes: checkedPrefixes(
      {
        count: card.data.prefixes,
        level: column<Uint8Array>('prefix_level'),
        high: column<Uint32Array>('prefix_high'),
        low: column<Uint32Array>('prefix_low'),
      },
      name,
    ),
    layers: Array.from({ length: numIpEncoderLayers }, (_, l) =>
      layers.subarray(l * layerSize, (l + 1) * layerSize),
    ),
  };
  const seen = column<Uint32Array>('seen_entities');
  for (let i = 2; i < seen.length; i += 2) {
    if (seen[i - 1] > seen[i + 1] || (seen[i - 1] === seen[i + 1] && seen[i - 2] >= seen[i])) {
      throw new InputError(`${name}: seen_entities ${i / 2} is out of order. Retrain.`);
    }
  }
  const untrained = column<Uint32Array>('untrained_entities');
  for (let u = 0; u < untrained.length; u++) {
    if (untrained[u] >= whole.data.entities || (u > 0 && untrained[u] <= untrained[u - 1])) {
      throw new InputError(`${name}: untrained_entities ${u} is out of order or no entity. Retrain.`);
    }
  }
  const parts = { card, weights, seen: new SeenEntities(seen, untrained), held };
  const endHistory = beginHistory(sections, name);
  return (population) => {
    const history = everybody ? endHistory(everybody.population, everybody.groups) : endHistory(population);
    return new Model({ ...parts, ...history }, kernelMemory, thread);
  };
}

function readWhole(bytes: Bytes, name: string, checksum: Checksum): OpenPart {
  const sections = readSections(MODEL_FILE, bytes, name, checksum);
  return { sections, card: sections.card, held: undefined, everybody: undefined };
}

/** Rows must be in strict order, name whole prefixes, and each but the two roots must have a wider one above it. */
function checkedPrefixes(rows: PrefixRows, name: string): PrefixTable {
  const { level, high, low, count } = rows;
  const bad = (row: number, what: string) => new InputError(`${name}: prefix ${row} ${what}. Retrain.`);
  const isIpv6 = (row: number) => level[row] >= IPV4_PREFIX_LENGTHS.length;
  /** the last row of each level so far */
  const lastOf = new Int32Array(LEVEL_LENGTHS.length).fill(-1);
  for (let row = 0; row < count; row++) {
    if (level[row] >= LEVEL_LENGTHS.length) {
      throw bad(row, `has level ${level[row]}, there are ${LEVEL_LENGTHS.length}`);
    }
    if (!isWhole(high[row], low[row], LEVEL_LENGTHS[level[row]])) {
      throw bad(row, `has bits beyond its length of ${LEVEL_LENGTHS[level[row]]}`);
    }
    if (row > 0) {
      const families = Number(isIpv6(row)) - Number(isIpv6(row - 1));
      const prefixes = high[row] - high[row - 1] || low[row] - low[row - 1];
      if ((families || prefixes || level[row] - level[row - 1]) <= 0) throw bad(row, 'is out of order');
    }
    if (LEVEL_LENGTHS[level[row]] !== 0) {
      const above = lastOf[level[row] - 1];
      if (above < 0 || !holds(rows, above, row)) throw bad(row, 'has no wider one above it');
    }
    lastOf[level[row]] = row;
  }
  return PrefixTable.of(rows);
}

/** Whether a prefix has no bit beyond its length. */
function isWhole(high: number, low: number, length: number): boolean {
  return (high & hostBitsHigh(length)) === 0 && (low & hostBitsLow(length)) === 0;
}

/** Whether the prefix of row `inner` lies within that of `outer`. */
function holds({ level, high, low }: PrefixRows, outer: number, inner: number): boolean {
  const length = LEVEL_LENGTHS[level[outer]];
  const differs =
    ((high[inner] ^ high[outer]) & ~hostBitsHigh(length)) |
    ((low[inner] ^ low[outer]) & ~hostBitsLow(length));
  return differs === 0;
}

function requireSamePrefixLengths({ prefixLengths }: ModelCard, name: string): void {
  const ours = { ipv4: IPV4_PREFIX_LENGTHS, ipv6: IPV6_PREFIX_LENGTHS };
  for (const family of ['ipv4', 'ipv6'] as const) {
    if (String(prefixLengths[family]) === String(ours[family])) continue;
    throw new InputError(
      `${name}: has vectors for ${family} prefixes /${prefixLengths[family].join(', /')}, this build for /${ours[family].join(', /')}. Retrain.`,
    );
  }
}

function requireSameRungs({ mixture: { rungs } }: ModelCard, name: string): void {
  const ours = { ipv4: IPV4_RUNGS, ipv6: IPV6_RUNGS };
  for (const family of ['ipv4', 'ipv6'] as const) {
    if (String(rungs[family]) === String(ours[family])) continue;
    throw new InputError(
      `${name}: has a ladder of ${family} networks /${rungs[family].join(', /')}, this build of /${ours[family].join(', /')}. Retrain.`,
    );
  }
}
