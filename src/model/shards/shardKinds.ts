import { z } from 'zod';
import {
  type AccountShape,
  accountSections,
  accountShape,
  cardSchema,
  entityVectorSections,
  type FileCard,
  fittedSections,
  networkSections,
} from '../modelFileKind.ts';
import type { FileKind, SectionShape } from '../sectionFile.ts';

/*
 * A model in shards (docs/sharded-models.md): the manifest has the name of the model; beside it lie the base, all that is not
 * of single accounts, and the shards, which have rows of the entity table that follow each other, with their accounts.
 */

const size = z.number().int().nonnegative();
/** The names of files beside the manifest, nothing that leads elsewhere. */
const fileName = z.string().regex(/^[^/\\]+$/);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const range = z.tuple([size, size]);

/** A file that the manifest lists. */
const listedFile = z.strictObject({
  file: fileName,
  sizeBytes: size,
  /** of all before its last 32 bytes, which are this checksum themselves */
  sha256: digest,
});
export type ListedFile = z.infer<typeof listedFile>;

const manifestSchema = z.strictObject({
  trainedBy: z.string(),
  numEntityVectors: size,
  entities: size,
  base: listedFile,
  shards: z
    .array(
      listedFile.extend({
        /** rows [from, to) of the entity table */
        entityRows: range,
        entities: size,
      }),
    )
    .min(1),
});
export type Manifest = z.infer<typeof manifestSchema>;

const SPLIT_AGAIN = 'Split the model or train again.';

/** What is the same of all of them. */
const OF_SHARDS = {
  version: 1,
  makeOne: SPLIT_AGAIN,
  getAnother: 'Copy it again, or split the model or train again.',
  makeAgain: SPLIT_AGAIN,
};

export const MANIFEST_FILE: FileKind<Manifest> = {
  ...OF_SHARDS,
  magic: 'IPINMNFS',
  what: 'the manifest of a model in shards',
  card: manifestSchema,
  layout: () => [],
};

/** How many places and accounts the background was counted of. */
const everybodySchema = z.strictObject({ accounts: size, ipv4Places: size, ipv6Places: size });
export type EverybodyShape = z.infer<typeof everybodySchema>;

const baseSchema = z.strictObject({ model: cardSchema, everybody: everybodySchema });
export type BaseCard = z.infer<typeof baseSchema>;

export const BASE_FILE: FileKind<BaseCard> = {
  ...OF_SHARDS,
  magic: 'IPINBASE',
  what: 'the base of a model in shards',
  card: baseSchema,
  layout: ({ model, everybody }) => [
    ...networkSections(model),
    ...fittedSections(model),
    ...everybodySections(everybody, model),
  ],
};

/** Of each family the distinct places and the sums before each; of each table the sums of its groups. */
function everybodySections({ ipv4Places, ipv6Places }: EverybodyShape, model: FileCard): SectionShape[] {
  return [
    ['everybody_ipv4_places', 'u32', [ipv4Places]],
    ['everybody_ipv4_before', 'f64', [ipv4Places + 1, 2]],
    ['everybody_ipv4_users', 'u32', [ipv4Places]],
    ['everybody_ipv6_places', 'u32', [2, ipv6Places]],
    ['everybody_ipv6_before', 'f64', [ipv6Places + 1, 2]],
    ['everybody_ipv6_users', 'u32', [ipv6Places]],
    ...model.mixture.tables.flatMap(({ groups }, t): SectionShape[] => [
      [`everybody_table_${t}_shares`, 'f64', [groups]],
      [`everybody_table_${t}_weights`, 'f64', [groups]],
    ]),
  ];
}

const accountsSchema = z.strictObject({
  vectorDim: size,
  inBytes: z.boolean(),
  experts: size,
  mostPlaces: size,
  rows: size,
  entities: size,
  untrainedEntities: size,
  ipv4Places: size,
  ipv6Places: size,
  weighted: size,
});

const shardSchema = z.strictObject({
  /** from 1 */
  shard: size,
  shards: size,
  entityRows: range,
  accounts: accountsSchema,
});
export type ShardCard = z.infer<typeof shardSchema>;

export const SHARD_FILE: FileKind<ShardCard> = {
  ...OF_SHARDS,
  magic: 'IPINSHRD',
  what: 'a shard of a model',
  card: shardSchema,
  layout: ({ accounts }) => [...entityVectorSections(accounts), ...accountSections(accounts)],
};

const partSchema = z.strictObject({
  model: cardSchema,
  everybody: everybodySchema,
  accounts: accountsSchema,
  /** those that are here, from 1, ascending */
  shards: z.array(size).min(1),
  /** the first row of each shard of the model, and the end of the last */
  borders: z.array(size),
});
export type PartCard = z.infer<typeof partSchema>;

/** Some shards of a model with its base, as they lie in memory; never a file. */
export const MODEL_PART: FileKind<PartCard> = {
  ...OF_SHARDS,
  magic: 'IPINPART',
  what: 'a part of a model',
  card: partSchema,
  layout: ({ model, everybody, accounts }) => [
    ...entityVectorSections(accounts),
    ...networkSections(model),
    ...accountSections(accounts),
    ...fittedSections(model),
    ...everybodySections(everybody, model),
  ],
};

/** The accounts of several shards together. */
export function joinedShape(model: FileCard, shapes: readonly AccountShape[]): AccountShape {
  const sum = (of: (shape: AccountShape) => number) => shapes.reduce((all, shape) => all + of(shape), 0);
  return {
    ...accountShape(model),
    rows: sum(({ rows }) => rows),
    entities: sum(({ entities }) => entities),
    untrainedEntities: sum(({ untrainedEntities }) => untrainedEntities),
    ipv4Places: sum(({ ipv4Places }) => ipv4Places),
    ipv6Places: sum(({ ipv6Places }) => ipv6Places),
    weighted: sum(({ weighted }) => weighted),
  };
}
