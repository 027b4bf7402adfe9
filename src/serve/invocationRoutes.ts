import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { invoke, targetModel } from './invoke.ts';
import { described, invocationSchema, named, schema } from './schemas.ts';
import type { Serving } from './serving.ts';

/** SageMaker's own routes: what its hosting calls in a container, and what its clients call. */
export function invocationRoutes(app: FastifyInstance, serving: Serving): void {
  /** With the model that the request names, or the server's own. */
  const answer = (request: FastifyRequest, reply: FastifyReply): Promise<void> | undefined => {
    const name = targetModel(serving, request.headers);
    if (name === undefined) return invoke(serving, serving.main, request, reply);
    return serving.shelf!.get(name).then((served) => invoke(serving, served, request, reply));
  };

  app.get(
    '/ping',
    described(
      () =>
        schema('SageMaker', 'Whether the server can answer', {
          200: 'it can; with --shards, which ones it has',
          security: [],
        }),
      {
        needsNoToken: true,
      },
    ),
    (_, reply) => {
      const held = serving.hasMain ? serving.main.model.held : undefined;
      return reply.send(held && { shards: held.shards, of: held.count });
    },
  );

  app.post(
    '/invocations',
    described(() => invocationSchema('Score events')),
    answer,
  );

  app.post(
    '/endpoints/:name/invocations',
    described(() =>
      invocationSchema(
        "Score events, by the path that SageMaker's clients use; any endpoint name is taken",
        named,
        true,
      ),
    ),
    (request, reply) => {
      reply.raw.setHeader('x-amzn-invoked-production-variant', 'AllTraffic');
      return answer(request, reply);
    },
  );

  app.get(
    '/execution-parameters',
    described(() => schema('SageMaker', 'How batch transform should call', { 200: 'its parameters' })),
    (_, reply: FastifyReply) =>
      reply.send({
        MaxConcurrentTransforms: serving.options.threads + 1,
        BatchStrategy: 'MULTI_RECORD',
        MaxPayloadInMB: 6,
      }),
  );
}
