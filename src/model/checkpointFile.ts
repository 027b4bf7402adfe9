import { createHash } from 'node:crypto';
import { z } from 'zod';
import { InputError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import type { Rows } from '../kernels/kernels.ts';
import { HYPERPARAMETERS, type Hyperparameters, optionName } from '../neural/hyperparameters.ts';
import type { Place } from '../neural/runTraining.ts';
import type { Training } from '../neural/train.ts';
import { TOTALS } from '../neural/trainingState.ts';
import { version } from '../version.ts';
import type { EpochRecord } from './modelCard.ts';
import { epochRecordSchema, hyperparametersSchema } from './modelFileKind.ts';
import {
  type Column,
  type FileKind,
  inMemory,
  openSections,
  pieces,
  type Source,
  writeSections,
} from './sectionFile.ts';

const size = z.number().int().nonnegative();
const cardSchema = z.strictObject({
  madeBy: z.string(),
  /** other kernels round otherwise */
  kernels: z.enum(['plain', 'WebAssembly']),
  hyperparameters: hyperparametersSchema,
  seed: size,
  data: z.strictObject({ events: size, prefixes: size, sha256: z.string() }),
  validationSha256: z.string().nullable(),
  /** mini-batches done in an epoch, both from 0 */
  place: z.strictObject({ epoch: size, batch: size }),
  totals: z.strictObject({ lossNats: z.number(), correct: size }),
  history: z.array(epochRecordSchema),
});
type CheckpointCard = z.infer<typeof cardSchema>;

const CHECKPOINT_FILE: FileKind<CheckpointCard> = {
  magic: 'IPINSCKP',
  version: 1,
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

const TABLES = ['entity', 'prefix', 'layer'] as const;

const tablesOf = ({ state }: Training): Record<(typeof TABLES)[number], Rows[]> => ({
  entity: [state.tables.entities],
  prefix: [state.tables.prefixes],
  layer: state.tables.layers,
});

/** What a checkpoint is compared by, apart from the learned tables. */
function describe(
  training: Training,
  validation: Events | undefined,
): Omit<CheckpointCard, 'place' | 'totals' | 'history'> {
  const { hyperparameters, seed, data } = training.state;
  const { rows } = training.prefixes;
  return {
    madeBy: version,
    kernels: training.kernelMemory ? 'WebAssembly' : 'plain',
    hyperparameters,
    seed,
    data: {
      events: data.count,
      prefixes: rows.count,
      sha256: digest([data.entityRow, data.deepest, rows.high, rows.low, rows.level]),
    },
    validationSha256: validation
      ? digest([validation.entity, validation.addresses, hashesOf(validation)])
      : null,
  };
}

function hashesOf({ entities }: Events): Uint32Array {
  const hashes = new Uint32Array(entities.count * 2);
  for (let e = 0; e < entities.count; e++) hashes.set(entities.hashOf(e), e * 2);
  return hashes;
}

function digest(columns: Column[]): string {
  const hash = createHash('sha256');
  for (const column of columns) for (const piece of pieces(inMemory(column))) hash.update(piece);
  return hash.digest('hex');
}

/** Writes checkpoints of one training, and takes one up again. */
export class Checkpoints {
  readonly #training: Training;
  readonly #description: ReturnType<typeof describe>;

  constructor(training: Training, validation: Events | undefined) {
    this.#training = training;
    this.#description = describe(training, validation);
  }

  /** Writes everything that is needed to go on from a place, while nothing changes. */
  write(place: Place, history: EpochRecord[], write: (bytes: Uint8Array) => void): void {
    const { totals } = this.#training.state;
    const card = {
      ...this.#description,
      place,
      totals: { lossNats: totals[TOTALS.lossNats], correct: totals[TOTALS.correct] },
      history,
    };
    writeSections(CHECKPOINT_FILE, card, this.#columns(), write);
  }

  /**
   * Puts what a checkpoint holds into the training, without a copy of the tables on the way. Where that fails the training
   * is of no more use.
   * @param name how messages call the file
   * @throws InputError where it is damaged, or belongs to another training
   */
  restore(source: Source, name: string): { place: Place; history: EpochRecord[] } {
    const { card, fill } = openSections(CHECKPOINT_FILE, source, name);
    this.#requireSameTraining(card, name);
    for (const [section, columns] of Object.entries(this.#columns())) fill(section, columns);
    const { totals } = this.#training.state;
    totals[TOTALS.batches] = card.place.batch;
    totals[TOTALS.lossNats] = card.totals.lossNats;
    totals[TOTALS.correct] = card.totals.correct;
    return { place: card.place, history: card.history };
  }

  /** What learns, by section. */
  #columns(): Record<string, Column[]> {
    const columns: Record<string, Column[]> = {};
    for (const [name, rows] of Object.entries(tablesOf(this.#training))) {
      columns[`${name}_vectors`] = rows.map(({ vectors }) => vectors as Float32Array);
      columns[`${name}_moment`] = rows.map(({ moment }) => moment as Float32Array);
      columns[`${name}_steps`] = rows.map(({ steps }) => steps);
    }
    return columns;
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
    differs('the SHA-256 of the training data', card.data.sha256, ours.data.sha256);
    differs(
      'the SHA-256 of the validation data',
      card.validationSha256 ?? 'none',
      ours.validationSha256 ?? 'none',
    );
    differs('the kind of kernels', card.kernels, ours.kernels);
  }
}
