import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { invoke } from './invoke.ts';
import type { ModelShelf } from './modelShelf.ts';
import { inShape, readJsonBody } from './readBody.ts';
import { described, invocationSchema, JSON_LIMITS, jsonSchema, named, schema } from './schemas.ts';
import type { Serving } from './serving.ts';

const loadBody = z.object({ model_name: z.string(), url: z.string() });

/** SageMaker's multi-model API. */
export function modelRoutes(app: FastifyInstance, serving: Serving, shelf: ModelShelf): void {
  app.get<{ Querystring: { next_page_token?: string; nextPageToken?: string } }>(
    '/models',
    described(() => schema('Models', 'Loaded models, a page at a time', { 200: 'a page of them' })),
    (request, reply) => {
      const { nextPageToken, next_page_token: token } = request.query;
      return reply.send(shelf.list([nextPageToken ?? token].flat()[0]));
    },
  );

  app.post(
    '/models',
    described(
      () => ({
        ...schema('Models', 'Load a model', {
          200: 'it is loaded',
          409: 'the name is taken',
          507: 'no memory left',
        }),
        body: jsonSchema(loadBody),
      }),
      JSON_LIMITS,
    ),
    async (request, reply) => {
      const { model_name: name, url } = inShape(readJsonBody(request), loadBody);
      await shelf.load(name, url);
      return reply.send(shelf.describe(name));
    },
  );

  app.get<{ Params: { name: string } }>(
    '/models/:name',
    described(() =>
      schema('Models', 'A loaded model', { 200: 'its name and place', 404: 'it is not loaded' }, named),
    ),
    (request, reply) => reply.send(shelf.describe(request.params.name)),
  );

  app.delete<{ Params: { name: string } }>(
    '/models/:name',
    described(() =>
      schema('Models', 'Unload a model', { 200: 'it is unloaded', 404: 'it is not loaded' }, named),
    ),
    (request, reply) => {
      shelf.unload(request.params.name);
      return reply.send();
    },
  );

  app.post<{ Params: { name: string } }>(
    '/models/:name/invoke',
    described(() => invocationSchema('Score events with one of the models, loaded where it is not', named)),
    async (request, reply) => invoke(serving, await shelf.get(request.params.name), request, reply),
  );
}
