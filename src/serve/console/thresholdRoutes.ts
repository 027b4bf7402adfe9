import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { grouped } from '../../errors.ts';
import { RequestError } from '../../inference/requestError.ts';
import type { Model } from '../../model/model.ts';
import type { ModelThreshold } from '../../model/modelCard.ts';
import { chooseThreshold, LEAST_FLAGGED, manualThreshold } from '../../model/threshold.ts';
import { describeModel } from '../describeModel.ts';
import { inShape, readJsonBody } from '../readBody.ts';
import { bodyErrors, described, JSON_LIMITS, jsonSchema, schema } from '../schemas.ts';
import type { Serving } from '../serving.ts';
import type { ThresholdChange } from './contract.ts';
import { saveThreshold } from './saveThreshold.ts';

const change = z
  .strictObject({
    anomaly: z.number().nullable().optional().describe('null: the model has no threshold'),
    max_fpr: z.number().gt(0).lt(1).optional(),
    max_alerts_per_day: z.number().positive().optional(),
  })
  .refine((given) => Object.values(given).filter((value) => value !== undefined).length === 1, {
    message: 'expected one of anomaly, max_fpr and max_alerts_per_day',
  });

/** Sets the threshold that the model's file names, so that it holds for every server and command that reads it. */
export function thresholdRoutes(app: FastifyInstance, serving: Serving): void {
  /** One after the other: the second sees what the first has saved. */
  let before: Promise<unknown> = Promise.resolve();
  app.put(
    '/v1/model/threshold',
    described(
      () => ({
        ...schema('Console', "Save another threshold in the model's file, and use it", {
          200: 'saved and in use; as GET /v1/model',
          404: 'the server has models by name only',
          409: 'the file is no longer the one in use',
          422: 'the file is damaged or gone',
          507: 'it cannot be written; the old file is whole',
          ...bodyErrors([400, 413, 415]),
        }),
        body: jsonSchema(change),
      }),
      JSON_LIMITS,
    ),
    async (request, reply) => {
      const given: ThresholdChange = inShape(readJsonBody(request), change);
      const saved = before.then(() => save(serving, given));
      before = saved.catch(() => {});
      await saved;
      return reply.send(describeModel(serving));
    },
  );
}

async function save(serving: Serving, given: ThresholdChange): Promise<void> {
  const { model, digest } = serving.main;
  const path = serving.options.model!;
  const written = await saveThreshold(path, digest, thresholdOf(model, given));
  await serving.reload();
  // A reload that was under way may have read the file before.
  if (serving.main.digest !== written) await serving.reload();
}

/** @throws RequestError 400 where honest later events cannot tell which anomaly that is */
function thresholdOf({ card, calibration }: Model, given: ThresholdChange): ModelThreshold | null {
  const { anomaly, max_fpr: maxFalsePositiveRate, max_alerts_per_day: maxAlertsPerDay } = given;
  if (anomaly === null) return null;
  if (anomaly !== undefined) return manualThreshold(calibration, anomaly);
  const { eventsPerDay } = card.mixture.fittedOn;
  if (maxAlertsPerDay !== undefined && eventsPerDay === null) {
    throw new RequestError(
      400,
      'max_alerts_per_day: expected a model of events with times, got one without. Give max_fpr or anomaly.',
    );
  }
  const chosen = chooseThreshold(calibration, { maxFalsePositiveRate, maxAlertsPerDay }, eventsPerDay);
  if (chosen) return chosen;
  const byAlerts = maxAlertsPerDay !== undefined;
  const [name, value] = byAlerts
    ? ['max_alerts_per_day', maxAlertsPerDay]
    : ['max_fpr', maxFalsePositiveRate];
  const { events } = calibration.all;
  const least = (LEAST_FLAGGED / events) * (byAlerts ? eventsPerDay! : 1);
  const why =
    events <= LEAST_FLAGGED
      ? `expected a model that has seen later honest events to tell by, got one with ${grouped(events)}`
      : value! < least
        ? `expected ${Number(least.toPrecision(3))} or more, as ${LEAST_FLAGGED} of the ${grouped(events)} later honest events must be flagged to tell, got ${value}`
        : `expected a limit that some anomaly keeps to, got ${value}: more of the later honest events are equally strange`;
  throw new RequestError(400, `${name}: ${why}. Give anomaly to set it by hand.`);
}
