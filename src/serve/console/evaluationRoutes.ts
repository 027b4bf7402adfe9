import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { RequestError } from '../../inference/requestError.ts';
import { trainingIdentity } from '../../model/trainingIdentity.ts';
import { described, schema } from '../schemas.ts';
import type { Serving } from '../serving.ts';
import type { Desk } from './desk.ts';

const answer = z.object({
  matches: z
    .boolean()
    .nullable()
    .describe('whether it was made of the model in use; null: the file does not say'),
  metrics: z
    .looseObject({})
    .describe('metrics.json, without what is told of some honest events or single ones'),
});

/** What the model was measured to do, as `--evaluation` has it. */
export function evaluationRoutes(app: FastifyInstance, serving: Serving, { evaluation }: Desk): void {
  const text = evaluation && JSON.stringify(evaluation);
  app.get(
    '/v1/evaluation',
    described(() =>
      schema('Console', 'Figures of an evaluation of the model', {
        200: { description: 'the figures, and whether they are of the model in use', shape: answer },
        404: 'none was given',
      }),
    ),
    (_, reply) => {
      if (evaluation === undefined) {
        throw new RequestError(
          404,
          'no evaluation was given: run ip-insights evaluate … --json metrics.json, then start with --evaluation metrics.json.',
        );
      }
      const measured = evaluation.model?.identity;
      const matches = measured === undefined ? null : measured === trainingIdentity(serving.main.model.card);
      return reply.type('application/json; charset=utf-8').send(`{"matches":${matches},"metrics":${text}}`);
    },
  );
}
