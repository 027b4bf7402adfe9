import { InputError } from '../errors.ts';
import { distinctPairs } from '../events/distinctPairs.ts';
import { type Events, selectEvents } from '../events/events.ts';
import { numberAmongAll } from '../events/numberAmongAll.ts';
import { gathered, gatheredAtFirst, told } from '../history/rankColumns.ts';
import { quantizeInPlace } from '../neural/byteVectors.ts';
import { isBytes, type Vectors } from '../neural/network.ts';
import { gatherPrefixes } from '../neural/ranks/gatherPrefixes.ts';
import { wholeRows } from '../neural/ranks/rankPlan.ts';
import { dotProductsOverRanks, RankPairList } from '../neural/ranks/rankScores.ts';
import { RankTraining } from '../neural/ranks/rankTraining.ts';
import { trainingPairs } from '../neural/trainingState.ts';
import { areaUnderCurve, rankScores } from '../ranking/roc.ts';
import { drawDiscriminated } from './discriminator.ts';
import { freeMemoryBytes, type LearnedVectors, type Learner, type LearnSettings } from './learner.ts';
import type { RankShare } from './trainModel.ts';

/** An epoch's order knows no more. */
const MOST_PAIRS = 2 ** 31;

/**
 * The same as `learnAlone`, over ranks: called by all of them.
 * @param events of this rank
 */
export function learnOverRanks(
  events: Events,
  { ranks, index, validationIndex }: RankShare,
  { h, seed, kernels, threads }: LearnSettings,
): Learner<RankTraining> {
  const firsts = distinctPairs(events);
  const pairs = selectEvents(events, firsts);
  const places = Float64Array.from(firsts, (i) => index![i]);
  const end = Math.max(...gathered(ranks, Float64Array, Float64Array.of((index!.at(-1) ?? -1) + 1)));
  const { numbers, count } = numberAmongAll(ranks, places, end);
  if (count > MOST_PAIRS) {
    throw new InputError(
      `expected at most ${MOST_PAIRS} distinct pairs of entity and place, got ${count}. Train on fewer events, such as those of fewer days.`,
    );
  }
  const prefixes = gatherPrefixes(ranks, pairs.addresses);
  // Before the training: all ranks of a computer ask while none has taken its memory.
  const free = freeMemoryBytes();
  const data = trainingPairs(pairs, prefixes, h.numEntityVectors);
  const own = { data, numbers: Uint32Array.from(numbers), total: count };
  const training = new RankTraining(ranks, own, prefixes, h, seed, kernels, threads, free);
  const listOf = (some: Events) => {
    const { entityRow, deepest } = trainingPairs(some, prefixes, h.numEntityVectors);
    for (let i = 0; i < entityRow.length; i++) entityRow[i] -= training.entityRows.first;
    return new RankPairList(entityRow, deepest);
  };
  return {
    training,
    pairs: count,
    prefixes,
    plainReason: training.plainReason,
    discriminate(validation) {
      const drawn = drawDiscriminated(validation, prefixes, seed, (i) => validationIndex![i]);
      const lists = [validation, drawn].map(listOf);
      return () => {
        const anomalies = lists.map((list) =>
          gatheredAtFirst(
            ranks,
            Float64Array,
            training.dotProducts(list).map((dotProduct) => -dotProduct),
          ),
        );
        const [honest, attacks] = anomalies;
        const figure = ranks.rank === 0 ? areaUnderCurve(rankScores(honest, attacks)) : 0;
        return told(ranks, Float64Array, Float64Array.of(figure))[0];
      };
    },
    finish() {
      return learnedOverRanks(training, listOf, count);
    },
  };
}

function learnedOverRanks(
  training: RankTraining,
  listOf: (events: Events) => RankPairList,
  pairs: number,
): LearnedVectors {
  const { ranks, prefixes } = training;
  const { plan, hyperparameters } = training.state;
  const D = hyperparameters.vectorDim;
  const layers = training.state.tables.layers.map(({ vectors }) => vectors);
  let tables: { entityVectors: Vectors; networkVectors: Vectors } = training.finish();
  const gatherNetworks = () =>
    gatherRows(training, tables.networkVectors, prefixes.rows.count, (rank) => wholeRows(plan.shares[rank]));
  return {
    pairs,
    prefixes,
    dotProducts: (events) =>
      dotProductsOverRanks(ranks, plan, prefixes.rows.count, D, tables, layers, listOf(events)),
    quantize() {
      const inBytes = (vectors: Vectors) => quantizeInPlace(vectors as Float32Array, D);
      tables = {
        entityVectors: inBytes(tables.entityVectors),
        networkVectors: inBytes(tables.networkVectors),
      };
    },
    gather() {
      const E = hyperparameters.numEntityVectors;
      const entityVectors = gatherRows(training, tables.entityVectors, E, (rank) => {
        const { first, end } = training.entityRowsOf(rank);
        return Uint32Array.from({ length: end - first }, (_, i) => first + i);
      });
      const networkVectors = gatherNetworks();
      if (!entityVectors || !networkVectors) return undefined;
      return {
        weights: { dimension: D, entityVectors, prefixes, networkVectors, layers },
        kernelMemory: undefined,
      };
    },
    ownEntities: () => ({ rows: training.entityRows, vectors: tables.entityVectors }),
    gatherNetworks() {
      const networkVectors = gatherNetworks();
      return networkVectors && { networkVectors, layers, prefixes };
    },
  };
}

/** All rows of a table on the first rank. @param rowsOf those of a rank, in the order of its own table */
function gatherRows(
  { ranks, state }: RankTraining,
  vectors: Vectors,
  count: number,
  rowsOf: (rank: number) => Uint32Array,
): Vectors | undefined {
  const D = state.hyperparameters.vectorDim;
  const isFirst = ranks.rank === 0;
  const scatter = <T extends Float32Array | Int8Array>(all: T, into: T, width: number): T => {
    let at = 0;
    for (let rank = 0; rank < ranks.size; rank++) {
      for (const row of rowsOf(rank)) {
        into.set(all.subarray(at, at + width), row * width);
        at += width;
      }
    }
    return into;
  };
  if (!isBytes(vectors)) {
    const all = gatheredAtFirst(ranks, Float32Array, vectors as Float32Array);
    return isFirst ? scatter(all, new Float32Array(count * D), D) : undefined;
  }
  const { codes, scales } = vectors;
  const bytes = new Uint8Array(codes.buffer, codes.byteOffset, codes.length);
  const allCodes = gatheredAtFirst(ranks, Uint8Array, bytes);
  const allScales = gatheredAtFirst(ranks, Float32Array, scales);
  if (!isFirst) return undefined;
  return {
    codes: scatter(new Int8Array(allCodes.buffer), new Int8Array(count * D), D),
    scales: scatter(allScales, new Float32Array(count), 1),
  };
}
