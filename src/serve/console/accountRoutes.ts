import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { hashEntity } from '../../events/entityHash.ts';
import { inShape, readJsonBody } from '../readBody.ts';
import { bodyErrors, described, JSON_LIMITS, jsonSchema, schema } from '../schemas.ts';
import type { Serving } from '../serving.ts';
import { describeAccount } from './account.ts';
import type { AccountNames } from './accountNames.ts';
import type { AccountAnswer, AccountsFound } from './contract.ts';
import type { Desk } from './desk.ts';
import { GroupNames } from './groupNames.ts';

const MOST_FOUND = 20;

const accountBody = z.object({ entity: z.string().min(1) });
const findBody = z.object({ text: z.string().describe('part of a name, in any case of letters') });

const network: z.ZodType = z.object({
  network: z.string(),
  length: z.number().describe('of its prefix'),
  places: z.number(),
  events: z.number(),
  last_time: z.number().nullable().describe('seconds since 1970'),
  provider: z.string().nullable().describe('where all its places have the same'),
  country: z.string().nullable(),
  children: z.array(z.object({})).describe('networks in it, of the same shape'),
});

const account = z.object({
  entity: z.string(),
  is_known: z.boolean(),
  has_vector: z.boolean(),
  events: z.number(),
  places: z.number(),
  last_time: z.number().nullable().describe('seconds since 1970'),
  weights: z.array(
    z.object({
      family: z.enum(['IPv4', 'IPv6']),
      sentence: z.string(),
      parts: z.array(z.object({ name: z.string(), weight: z.number() })),
    }),
  ),
  has_own_weights: z.boolean(),
  providers: z.array(
    z.object({
      provider: z.string().nullable(),
      country: z.string().nullable(),
      places: z.number(),
      events: z.number(),
    }),
  ),
  networks: z.array(network),
  left_out: z.object({ places: z.number(), events: z.number() }),
  neighbours: z
    .array(
      z.object({
        entity: z.string().nullable().describe('null: no event of it is loaded'),
        shared_networks: z.number().describe('/24, or /48 of IPv6'),
        examples: z.array(z.string()),
        example_accounts: z.array(z.number()).describe('how many accounts use each'),
      }),
    )
    .describe('closest first: a network that k accounts use counts 1/k'),
});

/** What the model knows of one account, and names to ask for. */
export function accountRoutes(app: FastifyInstance, serving: Serving, desk: Desk, names: AccountNames): void {
  app.post(
    '/v1/account',
    described(
      () => ({
        ...schema('Console', 'What the model knows of an account', {
          200: { description: 'its networks and weights, and who shares its networks', shape: account },
          ...bodyErrors([400, 413, 415]),
        }),
        body: jsonSchema(accountBody),
      }),
      JSON_LIMITS,
    ),
    async (request, reply): Promise<AccountAnswer> => {
      const { entity } = inShape(readJsonBody(request), accountBody);
      const { model } = serving.main;
      return reply.send(
        await describeAccount(model, entity, new GroupNames(desk.options.tables, model), names),
      );
    },
  );

  app.post(
    '/v1/accounts/find',
    described(
      () => ({
        ...schema('Console', 'Find accounts by a part of their names', {
          200: {
            description: `at most ${MOST_FOUND} names`,
            shape: z.object({ entities: z.array(z.string()), names: z.number() }),
          },
          ...bodyErrors([400, 413, 415]),
        }),
        body: jsonSchema(findBody),
      }),
      JSON_LIMITS,
    ),
    async (request, reply): Promise<AccountsFound> => {
      const { text } = inShape(readJsonBody(request), findBody);
      const entities = await names.find(text, MOST_FOUND);
      const [low, high] = hashEntity(text);
      // Models keep no names, but know one that is whole.
      const isKnown = text !== '' && serving.main.model.seen.has(low, high);
      if (isKnown && entities[0] !== text) entities.splice(0, 0, text);
      return reply.send({ entities: entities.slice(0, MOST_FOUND), names: names.count });
    },
  );
}
