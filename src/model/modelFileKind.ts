import { z } from 'zod';
import { HYPERPARAMETERS, type HyperparameterRule, type Hyperparameters } from '../neural/hyperparameters.ts';
import type { FileKind, SectionShape } from './sectionFile.ts';

const size = z.number().int().nonnegative();
const finite = z.number();
const share = z.number().min(0).max(1);
const within = ({ minimum, maximum, integer }: HyperparameterRule) => {
  const number = z.number().min(minimum).max(maximum);
  return integer ? number.int() : number;
};
export const hyperparametersSchema = z.strictObject(
  Object.fromEntries(HYPERPARAMETERS.map((rule) => [rule.name, within(rule)])) as Record<
    keyof Hyperparameters,
    z.ZodNumber
  >,
);
export const epochRecordSchema = z.strictObject({
  epoch: size,
  crossEntropyNats: finite,
  accuracy: finite,
  discriminatorAuc: finite.nullable(),
});
export const cardSchema = z.strictObject({
  trainedBy: z.string(),
  hyperparameters: hyperparametersSchema,
  seed: size,
  data: z.strictObject({
    events: size,
    entities: size,
    ipv4Events: size,
    ipv6Events: size,
    firstTime: finite.nullable(),
    lastTime: finite.nullable(),
    pairs: size,
    prefixes: size,
    ipv4Places: size,
    ipv6Places: size,
    mostPlaces: size,
    untrainedEntities: size,
    eventsAdded: size,
  }),
  prefixLengths: z.strictObject({ ipv4: z.array(size), ipv6: z.array(size) }),
  history: z.array(epochRecordSchema),
  mixture: z.strictObject({
    rungs: z.strictObject({ ipv4: z.array(size), ipv6: z.array(size) }),
    tables: z.array(
      z.strictObject({
        kind: z.enum(['asn', 'country']),
        name: z.string(),
        sha256: z.string(),
        groups: size,
        nameBytes: size,
        ipv4Runs: size,
        ipv6Runs: size,
      }),
    ),
    halfLifeDays: finite.positive().nullable(),
    referenceDay: size,
    background: z.array(share),
    repeatShare: share,
    buckets: z.array(z.array(share)),
    accounts: size,
    stacking: z.strictObject({ intercept: finite, history: finite.positive(), neural: finite.nonnegative() }),
    fittedOn: z.strictObject({
      byTime: z.boolean(),
      events: size,
      newPlaces: size,
      eventsPerDay: finite.positive().nullable(),
    }),
  }),
  calibration: z.array(z.strictObject({ events: size, points: size })),
  quantization: z
    .strictObject({
      bits: z.literal(8),
      auc: share.nullable(),
      aucOfFloats: share.nullable(),
      meanDifference: finite.nonnegative().nullable(),
      largestDifference: finite.nonnegative().nullable(),
    })
    .nullable(),
  threshold: z
    .strictObject({
      anomaly: finite,
      rule: z.enum(['max_fpr', 'max_alerts_per_day', 'manual']),
      limit: finite.nonnegative().nullable(),
      falsePositiveRate: share.nullable(),
    })
    .nullable(),
});
export type FileCard = z.infer<typeof cardSchema>;

const NAME_MANIFEST = 'Name its manifest, the file beside it whose name ends before the 16 digits.';

/** The model file, version 4 (docs/model-file.md). */
export const MODEL_FILE: FileKind<FileCard> = {
  magic: 'IPINSGHT',
  version: 4,
  what: 'a model',
  makeOne: 'Train one: ip-insights train.',
  getAnother: 'Copy it again, or retrain.',
  makeAgain: 'Retrain.',
  mistaken: {
    IPINSHRD: `is one shard of a model. ${NAME_MANIFEST}`,
    IPINBASE: `is the base of a model in shards. ${NAME_MANIFEST}`,
  },
  card: cardSchema,
  layout(card) {
    const accounts = accountShape(card);
    return [
      ...entityVectorSections(accounts),
      ...networkSections(card),
      ...accountSections(accounts),
      ...fittedSections(card),
    ];
  },
};

/** What decides the sections of accounts, of all or of some of them. */
export interface AccountShape {
  vectorDim: number;
  inBytes: boolean;
  /** X */
  experts: number;
  /** that an account of the whole model has in one family */
  mostPlaces: number;
  /** of the entity table */
  rows: number;
  entities: number;
  untrainedEntities: number;
  ipv4Places: number;
  ipv6Places: number;
  /** accounts with weights of their own */
  weighted: number;
}

/** That of all accounts. */
export const accountShape = ({ hyperparameters, data, mixture, quantization }: FileCard): AccountShape => ({
  vectorDim: hyperparameters.vectorDim,
  inBytes: quantization !== null,
  experts: mixture.background.length + 1,
  mostPlaces: data.mostPlaces,
  rows: hyperparameters.numEntityVectors,
  entities: data.entities,
  untrainedEntities: data.untrainedEntities,
  ipv4Places: data.ipv4Places,
  ipv6Places: data.ipv6Places,
  weighted: mixture.accounts,
});

export const entityVectorSections = ({ rows, vectorDim, inBytes }: AccountShape): SectionShape[] =>
  vectorSections('entity', rows, vectorDim, inBytes);

/** The table of networks, and the layers behind it. */
export function networkSections({ hyperparameters, data, quantization }: FileCard): SectionShape[] {
  const { vectorDim, numIpEncoderLayers } = hyperparameters;
  return [
    ...vectorSections('network', data.prefixes, vectorDim, quantization !== null),
    ['encoder_layers', 'f32', [numIpEncoderLayers, vectorDim + 1, vectorDim]],
    ['prefix_high', 'u32', [data.prefixes]],
    ['prefix_low', 'u32', [data.prefixes]],
    ['prefix_level', 'u8', [data.prefixes]],
  ];
}

/** Who accounts are, their places, and their weights. */
export function accountSections(shape: AccountShape): SectionShape[] {
  const { entities, untrainedEntities, ipv4Places, ipv6Places, mostPlaces, weighted, experts } = shape;
  const count = mostPlaces > 0xffff ? 'u32' : 'u16';
  return [
    ['seen_entities', 'u32', [entities, 2]],
    ['untrained_entities', 'u32', [untrainedEntities]],
    ['ipv4_counts', count, [entities]],
    ['ipv4_places', 'u32', [ipv4Places]],
    ['ipv4_events', 'u16', [ipv4Places]],
    ['ipv4_days', 'u16', [ipv4Places]],
    ['ipv6_counts', count, [entities]],
    ['ipv6_places', 'u32', [2, ipv6Places]],
    ['ipv6_events', 'u16', [ipv6Places]],
    ['ipv6_days', 'u16', [ipv6Places]],
    ['account_weight_owners', 'u32', [weighted]],
    ['account_weights', 'u8', [weighted, experts]],
  ];
}

/** Calibration and tables of providers. */
export function fittedSections(card: FileCard): SectionShape[] {
  const points = card.calibration.reduce((sum, row) => sum + row.points, 0);
  return [
    ['calibration_anomalies', 'f32', [points]],
    ['calibration_at_least', 'u32', [points]],
    ...card.mixture.tables.flatMap((table, t): SectionShape[] => [
      [`table_${t}_ids`, 'u32', [table.groups]],
      [`table_${t}_names`, 'u8', [table.nameBytes]],
      [`table_${t}_ipv4_firsts`, 'u32', [table.ipv4Runs]],
      [`table_${t}_ipv4_groups`, 'u32', [table.ipv4Runs]],
      [`table_${t}_ipv6_firsts`, 'u32', [table.ipv6Runs, 2]],
      [`table_${t}_ipv6_groups`, 'u32', [table.ipv6Runs]],
    ]),
  ];
}

function vectorSections(of: string, rows: number, dimension: number, inBytes: boolean): SectionShape[] {
  if (!inBytes) return [[`${of}_vectors`, 'f32', [rows, dimension]]];
  return [
    [`${of}_codes`, 'i8', [rows, dimension]],
    [`${of}_scales`, 'f32', [rows]],
  ];
}
