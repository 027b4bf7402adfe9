import { z } from 'zod';
import { InputError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { alone, type Ranks } from '../mpi/ranks.ts';
import { HYPERPARAMETERS, type Hyperparameters, optionName } from '../neural/hyperparameters.ts';
import { RankTraining } from '../neural/ranks/rankTraining.ts';
import type { Place } from '../neural/runTraining.ts';
import { TOTALS } from '../neural/trainingState.ts';
import { version } from '../version.ts';
import { type SectionPart, sectionBytes, sectionParts, spreadSection, toldOf } from './checkpointSections.ts';
import { checksumOfEvents, checksumOfPairs } from './dataChecksum.ts';
import type { VectorTraining } from './learner.ts';
import type { EpochRecord } from './modelCard.ts';
import { epochRecordSchema, hyperparametersSchema } from './modelFileKind.ts';
import { requireSameFile } from './sameFile.ts';
import { type FileKind, openSections, writeSections } from './sectionFile.ts';
import type { Source } from './source.ts';

const size = z.number().int().nonnegative();
const cardSchema = z.strictObject({
  madeBy: z.string(),
  /** other kernels round otherwise */
  kernels: z.enum(['plain', 'WebAssembly']),
  hyperparameters: hyperparametersSchema,
  seed: size,
  data: z.strictObject({ events: size, prefixes: size, checksum: z.string() }),
  validationChecksum: z.string().nullable(),
  /** mini-batches done in an epoch, both from 0 */
  place: z.strictObject({ epoch: size, batch: size }),
  totals: z.strictObject({ lossNats: z.number(), correct: size }),
  history: z.array(epochRecordSchema),
});
type CheckpointCard = z.infer<typeof cardSchema>;

const CHECKPOINT_FILE: FileKind<CheckpointCard> = {
  magic: 'IPINSCKP',
  version: 2,
  what: 'a checkpoint',
  makeOne: 'Remove it to start from the beginning.',
  getAnother: 'Copy it again, or remove it to start from the beginning.',
  makeAgain: 'Remove it to start from the beginning.',
  card: cardSchema,
  layout({ hyperparameters, data }) {
    const { numEntityVectors: E, vectorDim: D, numIpEncoderLayers: L } = hyperparameters;
    const P = data.prefixes;
    return [
      ['entity_vectors', 'f32', [E, D]],
      ['entity_moment', 'f32', [E]],
      ['entity_steps', 'u32', [E]],
      ['prefix_vectors', 'f32', [P, D]],
      ['prefix_moment', 'f32', [P]],
      ['prefix_steps', 'u32', [P]],
      ['layer_vectors', 'f32', [L, D + 1, D]],
      ['layer_moment', 'f32', [L, D + 1]],
      ['layer_steps', 'u32', [L, D + 1]],
    ];
  },
};

/** What a checkpoint is compared by, apart from the learned tables. Called by all ranks. */
function describe(
  training: VectorTraining,
  ranks: Ranks,
  validation: Events | undefined,
  validationIndex: Float64Array | undefined,
): Omit<CheckpointCard, 'place' | 'totals' | 'history'> {
  const { hyperparameters, seed, data: pairs } = training.state;
  const { rows } = training.prefixes;
  const numbered =
    training instanceof RankTraining
      ? { pairs, firstRow: training.entityRows.first, numbers: training.state.numbers }
      : { pairs, firstRow: 0, numbers: undefined };
  return {
    madeBy: version,
    kernels: training.kernelMemory ? 'WebAssembly' : 'plain',
    hyperparameters,
    seed,
    data: {
      events: training instanceof RankTraining ? training.state.pairs : pairs.count,
      prefixes: rows.count,
      checksum: checksumOfPairs(ranks, numbered, rows),
    },
    validationChecksum: validation ? checksumOfEvents(ranks, validation, validationIndex) : null,
  };
}

/** Who sees a checkpoint: all ranks, in a folder that they share, or the first one alone, in its own. */
export type CheckpointPlace = 'shared' | 'first';

/**
 * Writes checkpoints of one training, and takes one up again. The file is the same for any number of ranks: all of them call
 * its methods together, and the first one writes.
 */
export class Checkpoints {
  readonly #training: VectorTraining;
  readonly #ranks: Ranks;
  readonly #description: ReturnType<typeof describe>;
  readonly #parts: Record<string, SectionPart>;

  /**
   * @param validation      events of this rank
   * @param validationIndex number of each among those of all ranks; undefined: this process has them all
   */
  constructor(
    training: VectorTraining,
    validation: Events | undefined,
    validationIndex?: Float64Array | undefined,
  ) {
    this.#training = training;
    this.#ranks = training instanceof RankTraining ? training.ranks : alone('localhost');
    this.#description = describe(training, this.#ranks, validation, validationIndex);
    this.#parts = sectionParts(training);
  }

  /**
   * Writes everything that is needed to go on from a place, while nothing changes.
   * @param write of the first rank, which alone calls it. It must not throw where there are several: the others would wait
   */
  write(place: Place, history: EpochRecord[], write: (bytes: Uint8Array) => void): void {
    const ranks = this.#ranks;
    const { totals } = this.#training.state;
    const card = {
      ...this.#description,
      place,
      totals: { lossNats: totals[TOTALS.lossNats], correct: totals[TOTALS.correct] },
      history,
    };
    const bytes = Object.fromEntries(
      CHECKPOINT_FILE.layout(card).map(([name]) => [name, sectionBytes(ranks, this.#parts[name])]),
    );
    if (ranks.rank === 0) writeSections(CHECKPOINT_FILE, card, bytes, write);
    else for (const section of Object.values(bytes)) for (const _ of section);
  }

  /**
   * Puts what a checkpoint holds into the training, without a copy of the tables on the way. Where that fails the training
   * is of no more use.
   * @param source the file as this rank sees it; undefined where it sees none
   * @param name   how messages call the file
   * @param where  whether all ranks see the file; where the first one alone does, it reads for the others
   * @returns undefined where no rank sees one
   * @throws InputError where it is damaged, belongs to another training, or is not the same for all ranks
   */
  restore(
    source: Source | undefined,
    name: string,
    where: CheckpointPlace = 'shared',
  ): { place: Place; history: EpochRecord[] } | undefined {
    const card = where === 'shared' ? this.#readShared(source, name) : this.#readByFirst(source, name);
    if (!card) return undefined;
    const { totals } = this.#training.state;
    totals[TOTALS.batches] = card.place.batch;
    totals[TOTALS.lossNats] = card.totals.lossNats;
    totals[TOTALS.correct] = card.totals.correct;
    // Nobody goes on before the first has found the file whole.
    this.#ranks.barrier();
    return { place: card.place, history: card.history };
  }

  #readShared(source: Source | undefined, name: string): CheckpointCard | undefined {
    const ranks = this.#ranks;
    if (!requireSameFile(ranks, source, name)) return undefined;
    const checksum = ranks.rank === 0 ? 'verify' : 'elsewhere';
    const { card, fill } = openSections(CHECKPOINT_FILE, toldOf(ranks, source), name, checksum);
    this.#requireSameTraining(card, name);
    for (const [section, { here }] of Object.entries(this.#parts)) {
      for (const { column, from } of here) fill(section, column, from);
    }
    return card;
  }

  #readByFirst(source: Source | undefined, name: string): CheckpointCard | undefined {
    const ranks = this.#ranks;
    const isFirst = ranks.rank === 0;
    const opened =
      isFirst && source ? openSections(CHECKPOINT_FILE, toldOf(ranks, source), name, 'verify') : undefined;
    const text = new TextEncoder().encode(JSON.stringify(opened?.card ?? null));
    const told = new TextDecoder().decode(ranks.broadcast(isFirst ? text : undefined, 0).slice());
    const card: CheckpointCard | null = JSON.parse(told);
    if (card === null) return undefined;
    this.#requireSameTraining(card, name);
    for (const [section, part] of Object.entries(this.#parts)) {
      spreadSection(ranks, part, (column, from) => opened!.fill(section, column, from));
    }
    return card;
  }

  #requireSameTraining(card: CheckpointCard, name: string): void {
    const ours = this.#description;
    const differs = (what: string, theirs: unknown, own: unknown) => {
      if (theirs === own) return;
      throw new InputError(
        `${name}: is of another training: ${what} was ${theirs}, is now ${own}. Use the same data and options, or another --checkpoint folder.`,
      );
    };
    differs('the version of ip-insights', card.madeBy, ours.madeBy);
    differs('the number of distinct pairs', card.data.events, ours.data.events);
    for (const { name: option } of HYPERPARAMETERS) {
      differs(
        optionName(option),
        card.hyperparameters[option as keyof Hyperparameters],
        ours.hyperparameters[option],
      );
    }
    differs('--seed', card.seed, ours.seed);
    differs('the checksum of the training data', card.data.checksum, ours.data.checksum);
    differs(
      'the checksum of the validation data',
      card.validationChecksum ?? 'none',
      ours.validationChecksum ?? 'none',
    );
    differs('the kind of kernels', card.kernels, ours.kernels);
  }
}
