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
const cardSchema = z.strictObject({
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

/** The model file, version 4 (docs/model-file.md). */
export const MODEL_FILE: FileKind<FileCard> = {
  magic: 'IPINSGHT',
  version: 4,
  what: 'a model',
  makeOne: 'Train one: ip-insights train.',
  getAnother: 'Copy it again, or retrain.',
  makeAgain: 'Retrain.',
  card: cardSchema,
  layout(card) {
    const { numEntityVectors, vectorDim, numIpEncoderLayers } = card.hyperparameters;
    const { prefixes, entities, ipv4Places, ipv6Places, mostPlaces } = card.data;
    const count = mostPlaces > 0xffff ? 'u32' : 'u16';
    const points = card.calibration.reduce((sum, row) => sum + row.points, 0);
    return [
      ...vectorSections('entity', numEntityVectors, vectorDim, card.quantization !== null),
      ...vectorSections('network', prefixes, vectorDim, card.quantization !== null),
      ['encoder_layers', 'f32', [numIpEncoderLayers, vectorDim + 1, vectorDim]],
      ['prefix_high', 'u32', [prefixes]],
      ['prefix_low', 'u32', [prefixes]],
      ['prefix_level', 'u8', [prefixes]],
      ['seen_entities', 'u32', [entities, 2]],
      ['untrained_entities', 'u32', [card.data.untrainedEntities]],
      ['ipv4_counts', count, [entities]],
      ['ipv4_places', 'u32', [ipv4Places]],
      ['ipv4_events', 'u16', [ipv4Places]],
      ['ipv4_days', 'u16', [ipv4Places]],
      ['ipv6_counts', count, [entities]],
      ['ipv6_places', 'u32', [2, ipv6Places]],
      ['ipv6_events', 'u16', [ipv6Places]],
      ['ipv6_days', 'u16', [ipv6Places]],
      ['account_weight_owners', 'u32', [card.mixture.accounts]],
      ['account_weights', 'u8', [card.mixture.accounts, card.mixture.background.length + 1]],
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
  },
};

function vectorSections(of: string, rows: number, dimension: number, inBytes: boolean): SectionShape[] {
  if (!inBytes) return [[`${of}_vectors`, 'f32', [rows, dimension]]];
  return [
    [`${of}_codes`, 'i8', [rows, dimension]],
    [`${of}_scales`, 'f32', [rows]],
  ];
}
