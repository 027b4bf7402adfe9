import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { RequestError } from '../../inference/requestError.ts';
import { inShape, readJsonBody } from '../readBody.ts';
import { bodyErrors, described, JSON_LIMITS, jsonSchema, schema } from '../schemas.ts';
import type { Serving } from '../serving.ts';
import type { AccountNames } from './accountNames.ts';
import type { MapAnswer, MapNeighbours } from './contract.ts';
import type { Desk } from './desk.ts';
import { VectorMaps } from './vectorMaps.ts';

const MOST_POINTS = 20_000;
const POINTS = 5000;
const MOST_NEIGHBOURS = 100;

const mapBody = z.object({
  kind: z.enum(['accounts', 'networks']),
  limit: z.number().int().min(1).max(MOST_POINTS).default(POINTS),
});
const neighboursBody = mapBody.extend({
  id: z.number().int(),
  count: z.number().int().min(1).max(MOST_NEIGHBOURS).default(10),
});

const numbers = z.array(z.number());
const map = z.object({
  kind: z.enum(['accounts', 'networks']),
  all: z.number(),
  xy: numbers.describe('first two principal components of each point, one after another'),
  principal: numbers.describe('the first `components` of each point'),
  components: z.number(),
  explained: numbers.describe('share of the variance that each component explains'),
  names: z.array(z.string().nullable()),
  providers: numbers.describe('index into provider_names; -1: none'),
  countries: numbers,
  provider_names: z.array(z.string()),
  country_names: z.array(z.string()),
  sizes: numbers.describe('events of the account, accounts of the network'),
  ids: numbers,
  tables: z.array(z.enum(['asn', 'country'])),
});

/** Vectors of accounts and networks as points. */
export function mapRoutes(app: FastifyInstance, serving: Serving, desk: Desk, names: AccountNames): void {
  const maps = new VectorMaps(serving, desk.options.tables, names);

  app.post(
    '/v1/map',
    described(
      () => ({
        ...schema('Console', 'Vectors of accounts or networks as points', {
          200: { description: 'the most used ones', shape: map },
          ...bodyErrors([400, 413, 415]),
        }),
        body: jsonSchema(mapBody),
      }),
      JSON_LIMITS,
    ),
    async (request, reply): Promise<MapAnswer> => {
      const { kind, limit } = inShape(readJsonBody(request), mapBody);
      return reply.send(await maps.map(kind, limit));
    },
  );

  app.post(
    '/v1/map/neighbours',
    described(
      () => ({
        ...schema('Console', 'The points of a map that are most alike', {
          200: {
            description: 'the most alike first, by cosine',
            shape: z.object({
              name: z.string().nullable(),
              neighbours: z.array(
                z.object({ id: z.number(), name: z.string().nullable(), cosine: z.number() }),
              ),
            }),
          },
          404: 'no point of the map has the id',
          ...bodyErrors([400, 413, 415]),
        }),
        body: jsonSchema(neighboursBody),
      }),
      JSON_LIMITS,
    ),
    async (request, reply): Promise<MapNeighbours> => {
      const { kind, id, count, limit } = inShape(readJsonBody(request), neighboursBody);
      const found = await maps.neighbours(kind, id, count, limit);
      if (found) return reply.send(found);
      throw new RequestError(
        404,
        `id: expected that of a point of the map of ${kind}, got ${id}. Ask for the map again.`,
      );
    },
  );
}
