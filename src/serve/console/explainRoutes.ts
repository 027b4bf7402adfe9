import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { hashEntity } from '../../events/entityHash.ts';
import { explanationObject } from '../../inference/explanation.ts';
import { explain } from '../../model/explanation.ts';
import { inShape, readJsonBody } from '../readBody.ts';
import { bodyErrors, described, figuresShape, JSON_LIMITS, jsonSchema, schema } from '../schemas.ts';
import { event, wordsOf } from '../scoreRoutes.ts';
import type { Serving } from '../serving.ts';
import type { ExplainAnswer } from './contract.ts';

const rung = z.object({
  network: z.string(),
  own_places: z.number().nullable(),
  own_share: z.number().nullable(),
  background: z.number().nullable(),
  ratio: z.number().describe('how many times as likely as for an attacker'),
  weight: z.number(),
  share: z.number().describe('part of the likelihood; they sum to 1'),
});
const explanation = z.object({
  entity: z.string(),
  address: z.string(),
  ...figuresShape.shape,
  threshold: z.number().nullable(),
  log_ratio: z.number(),
  terms: z.object({ intercept: z.number(), history: z.number(), vectors: z.number() }),
  ladder: z.array(rung).describe('wide to narrow'),
});

/** A score taken apart, as `ip-insights explain` does. It teaches the model nothing. */
export function explainRoutes(app: FastifyInstance, serving: Serving): void {
  app.post(
    '/v1/explain',
    described(
      () => ({
        ...schema('Console', 'Take the score of one event apart', {
          200: { description: 'its figures, and the ladder of networks behind them', shape: explanation },
          ...bodyErrors([400, 413, 415]),
        }),
        body: jsonSchema(event),
      }),
      JSON_LIMITS,
    ),
    (request, reply) => {
      const { entity, address } = inShape(readJsonBody(request), event);
      const words = wordsOf(address, 'address');
      const { model } = serving.main;
      const { threshold } = serving.options;
      const answer: ExplainAnswer = explanationObject(
        explain(model, entity, hashEntity(entity), words, threshold),
      );
      return reply.send(answer);
    },
  );
}
