import type { AvailableKernels } from '../../kernels/available.ts';
import { CrewMember, createControl } from '../../kernels/crew.ts';
import type { Floats, Kernels } from '../../kernels/kernels.ts';
import { type Memory, separateBuffers } from '../../kernels/memory.ts';
import { plainKernels } from '../../kernels/plain.ts';
import { createKernelMemory, type KernelMemory, webAssemblyKernels } from '../../kernels/webAssembly.ts';
import { toldByAll } from '../../mpi/ofAllRanks.ts';
import { type Ranks, ranksOfHost } from '../../mpi/ranks.ts';
import type { Hyperparameters } from '../hyperparameters.ts';
import type { MemoryNeeds } from '../memoryNeeds.ts';
import type { TrainingPairs } from '../miniBatch.ts';
import { addUpChains } from '../network.ts';
import type { PrefixTable } from '../prefixes.ts';
import { countTerms, shardBorders } from '../shards.ts';
import { tooLargeReason } from '../train.ts';
import { allocateRows, batchShape, fillEntities, fillLayers, TOTALS } from '../trainingState.ts';
import { needsOfRank } from './rankMemory.ts';
import { entityRowsOf, planRanks, type Range, wholeRows } from './rankPlan.ts';
import { type RankPairList, trainingDotProducts } from './rankScores.ts';
import { allocateEpoch, groupSize, layOutRank, type RankState } from './rankState.ts';
import { RankThread } from './rankThread.ts';

/** The pairs of one rank. */
export interface RankPairs {
  /** entity rows of the whole table */
  data: TrainingPairs;
  /** number of each among the pairs of all ranks, ascending */
  numbers: Uint32Array;
  /** pairs of all ranks */
  total: number;
}

/** One rank's part of a training. */
export class RankTraining {
  readonly state: RankState;
  readonly prefixes: PrefixTable;
  readonly ownPrefixes: PrefixTable;
  readonly entityRows: Range;
  readonly threads: number;
  readonly kernelMemory: KernelMemory | undefined;
  readonly control = createControl();
  readonly ranks: Ranks;
  /** why the plain kernels serve; empty where WebAssembly does */
  readonly plainReason: string;

  /**
   * Called by all ranks together.
   * @param prefixes  of the pairs of all ranks
   * @param freeBytes memory of this computer that its ranks may take, looked up before one of them took any
   * @throws InputError where the tables do not fit
   */
  constructor(
    ranks: Ranks,
    pairs: RankPairs,
    prefixes: PrefixTable,
    h: Hyperparameters,
    seed: number,
    kernels: AvailableKernels,
    threads = 1,
    freeBytes = Number.POSITIVE_INFINITY,
  ) {
    if (!ranks.handle) throw new Error('one rank trains alone');
    this.ranks = ranks;
    this.threads = threads;
    this.prefixes = prefixes;
    const { rank, size } = ranks;
    const shape = batchShape(h, pairs.total);
    const counted = countTerms(pairs.data, prefixes);
    const counts = Float64Array.from([...counted.observed, counted.ipv4]);
    ranks.sumOfIntegers(counts);
    const borders = shardBorders(shape, prefixes, {
      observed: counts.subarray(0, -1),
      ipv4: counts[counts.length - 1],
      count: pairs.total,
    });
    const plan = planRanks(prefixes, borders, size);
    const n = pairs.data.count;
    const batches = Math.ceil(pairs.total / h.miniBatchSize);
    const group = groupSize(shape, Math.max(...toldByAll(ranks, threads)));
    const needs = needsOfRank(h, shape, n, batches, plan, rank, threads, group);
    const neighbours = ranksOfHost(ranks);
    needs.require(freeBytes / neighbours, neighbours > 1 ? ` for each of the ${neighbours} ranks here` : '');
    this.ownPrefixes = prefixes.partOf(wholeRows(plan.shares[rank]));
    const rows = this.ownPrefixes.rows.count;
    this.entityRows = entityRowsOf(h.numEntityVectors, rank, size);
    const { first, end } = this.entityRows;
    const layout = (memory: Memory) => layOutRank(h, shape, rows, plan, rank, group, memory);
    const entities = (memory: Memory) => allocateRows(end - first, h.vectorDim, memory);
    const everything = (memory: Memory) => ({ ...layout(memory), entities: entities(memory) });
    const { module } = kernels;
    const make = <T>(layOut: (memory: Memory) => T) =>
      module && withRefusal(needs, () => createKernelMemory(module, h.vectorDim, threads, layOut));
    const wholeHere = make(everything);
    const madeHere = wholeHere ?? make(layout);
    this.plainReason = plainReasonOf(ranks, module && !madeHere ? tooLargeReason(h) : kernels.reason);
    // Others round otherwise: all use the same kind.
    const isPlain = this.plainReason !== '';
    const [whole, made] = isPlain ? [] : [wholeHere, madeHere];
    this.kernelMemory = made?.kernelMemory;
    const { arrays, entityTable } = withRefusal(needs, () => ({
      arrays: made ? made.arrays : layout(separateBuffers),
      entityTable: whole?.arrays.entities ?? entities(separateBuffers),
    }));
    arrays.parents.set(this.ownPrefixes.parent);
    const { identity, layerSums, subtreeSums } = arrays.work;
    for (const numbers of [identity, ...[layerSums, ...subtreeSums].map((sums) => sums.identity)]) {
      for (let i = 0; i < numbers.length; i++) numbers[i] = i;
    }
    arrays.work.ones.fill(1);
    const entityRow = separateBuffers.words(n);
    for (let i = 0; i < n; i++) entityRow[i] = pairs.data.entityRow[i] - first;
    this.state = {
      hyperparameters: h,
      seed,
      shape,
      data: { ...pairs.data, entityRow },
      numbers: shared(pairs.numbers),
      pairs: pairs.total,
      prefixParts: prefixes.parts,
      borders,
      plan,
      ranks: ranks.handle,
      ownPrefixParts: this.ownPrefixes.parts,
      tables: {
        entities: entityTable,
        prefixes: arrays.prefixes,
        layers: arrays.layers,
      },
      parents: arrays.parents,
      batches: arrays.batches,
      work: arrays.work,
      entitiesInside: whole !== undefined || made === undefined,
      epoch: allocateEpoch(shape, n, batches, plan, rank, group, separateBuffers),
      totals: separateBuffers.doubles(Object.keys(TOTALS).length),
    };
    fillLayers(arrays.layers, h, seed);
    const any = arrays.batches[0].mine.words;
    fillEntities(
      this.state.tables.entities.vectors,
      h.vectorDim,
      this.entityRows,
      seed,
      this.kernelsOf(0),
      any,
    );
  }

  kernelsOf(thread: number): Kernels {
    return this.kernelMemory ? webAssemblyKernels(this.kernelMemory, thread) : plainKernels;
  }

  /** Trains on the calling thread; stops after every mini-batch. */
  *runEpoch(epoch: number, firstBatch = 0): Generator<void> {
    const member = new CrewMember(this.control, 0, 1);
    yield* new RankThread(this.state, this.kernelsOf(0), member, this.ranks).runEpoch(epoch, firstBatch);
  }

  /** Rows of the entity table that a rank has. */
  entityRowsOf(rank: number): Range {
    return entityRowsOf(this.state.hyperparameters.numEntityVectors, rank, this.ranks.size);
  }

  /** Of pairs of this rank's entities, by what was learned so far, between two mini-batches; called by all ranks. @returns f64[N] */
  dotProducts(list: RankPairList): Float64Array {
    const { tables, plan, hyperparameters } = this.state;
    return trainingDotProducts(
      this.ranks,
      plan,
      this.prefixes.rows.count,
      hyperparameters.vectorDim,
      tables.entities.vectors,
      tables.prefixes.vectors,
      this.ownPrefixes.parent,
      (vectors) => this.#encode(vectors),
      list,
    );
  }

  /** Through the layers, by the kernels that train them. */
  #encode(vectors: Float32Array): Float32Array {
    const { tables, work, hyperparameters } = this.state;
    const D = hyperparameters.vectorDim;
    if (tables.layers.length === 0) return vectors;
    const kernels = this.kernelsOf(0);
    const { activations } = work;
    const room = activations[0].length / D;
    const out = new Float32Array(vectors.length);
    for (let first = 0; first < vectors.length / D; first += room) {
      const count = Math.min(room, vectors.length / D - first);
      activations[0].set(vectors.subarray(first * D, (first + count) * D));
      for (const [l, layer] of tables.layers.entries()) {
        kernels.denseForward(layer.vectors, D, activations[l], activations[l + 1], 0, count);
      }
      out.set(activations[tables.layers.length].subarray(0, count * D), first * D);
    }
    return out;
  }

  /** What was learned of own rows: entities [entityRows), and network vectors of all rows of `ownPrefixes`. Training cannot go on after this. */
  finish(): { entityVectors: Floats; networkVectors: Floats } {
    const { entities, prefixes } = this.state.tables;
    addUpChains(prefixes.vectors, this.state.hyperparameters.vectorDim, this.ownPrefixes.parent);
    return { entityVectors: entities.vectors, networkVectors: prefixes.vectors };
  }
}

/** Why no rank uses WebAssembly, in the words of the first one that cannot; empty where all can. Called by all. */
function plainReasonOf(ranks: Ranks, own: string): string {
  const reasons = toldByAll(ranks, own);
  const rank = reasons.findIndex((reason) => reason !== '');
  if (rank < 0 || reasons.every((reason) => reason === reasons[rank])) return reasons[0];
  return `${reasons[rank].replace(/\.$/, '')} (rank ${rank}, ${ranks.hosts[rank]}; all ranks do as it must).`;
}

/** The engine has no type for a lack of memory but this one. */
function withRefusal<T>(needs: MemoryNeeds, allocate: () => T): T {
  try {
    return allocate();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw needs.refusal(', which this computer does not give.');
  }
}

function shared(words: Uint32Array): Uint32Array {
  const copy = separateBuffers.words(words.length);
  copy.set(words);
  return copy;
}
