import { z } from 'zod';
import { InputError } from '../../errors.ts';
import { readWholeFile } from '../../files/input.ts';
import type { EvaluationMetrics } from './contract.ts';

const VERSION = 2;

const rate = z.number().min(0).max(1);
const counts = z.array(z.number().nonnegative()).min(1).max(10_000);
const attacker = z.object({
  attacker: z.string(),
  title: z.string().optional(),
  honest_kind: z.string().nullable(),
  honest_events: z.number().positive(),
  attack_events: z.number().positive(),
  detectors: z.array(
    z.object({
      detector: z.string(),
      auc: rate,
      roc: z.array(z.object({ threshold: z.number().nullable(), fpr: rate, tpr: rate })).min(2),
    }),
  ),
  distribution: z
    .object({ from: z.number(), to: z.number(), honest: counts, attacks: counts })
    .refine(({ from, to, honest, attacks }) => from < to && honest.length === attacks.length)
    .optional(),
  operating_points: z
    .object({ threshold: z.array(z.number()), fpr: z.array(rate), tpr: z.array(rate) })
    .refine(({ threshold, fpr, tpr }) => threshold.length === fpr.length && fpr.length === tpr.length)
    .optional(),
});
const metrics = z.object({
  trained_by: z.string(),
  model: z
    .object({
      identity: z.string(),
      events: z.number(),
      events_added: z.number(),
      last_time: z.number().nullable(),
    })
    .optional(),
  inputs: z.record(z.string(), z.string().nullable()),
  seed: z.number(),
  counts: z.object({
    evaluation_events: z.number().positive(),
    test_days: z.number().positive().nullable(),
    honest_events_per_day: z.number().nonnegative().nullable(),
  }),
  discriminator_auc: rate,
  detectors: z.array(z.object({ detector: z.string(), title: z.string(), meaning: z.string() })).optional(),
  attackers: z.array(attacker).min(1),
  calibration: z
    .array(
      z.object({
        training_events: z.string(),
        honest_events: z.number(),
        nominal_fpr: z.array(rate),
        actual_fpr: z.array(rate).nullable(),
      }),
    )
    .nullable(),
  notes: z.array(z.string()),
});

const AGAIN = 'Write it with ip-insights evaluate … --json FILE.';

/**
 * Figures that `evaluate --json` wrote, as far as the pages show them.
 * @throws InputError where the file is missing or holds none of this build
 */
export function readEvaluation(path: string): EvaluationMetrics {
  const bytes = readWholeFile(path);
  let json: { kind?: unknown; version?: unknown } | null;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new InputError(`--evaluation: ${path}: expected JSON, got something else. ${AGAIN}`);
  }
  if (typeof json !== 'object' || json?.kind !== 'ip-insights-metrics') {
    throw new InputError(
      `--evaluation: ${path}: expected the figures of an evaluation, got other JSON. ${AGAIN}`,
    );
  }
  if (json.version !== VERSION) {
    throw new InputError(
      `--evaluation: ${path}: written as v${json.version}, this build reads v${VERSION}. ${Number(json.version) > VERSION ? 'Upgrade, or evaluate' : 'Evaluate'} again with this build.`,
    );
  }
  const parsed = metrics.safeParse(json);
  if (!parsed.success) {
    const [{ path: place, message }] = parsed.error.issues;
    throw new InputError(`--evaluation: ${path}: ${place.join('.')}: ${message}. ${AGAIN}`);
  }
  const attackers = parsed.data.attackers
    .filter(({ honest_kind: kind }) => kind === null)
    .map(({ honest_kind: _, ...rest }) => rest);
  return { ...parsed.data, attackers } as EvaluationMetrics;
}
