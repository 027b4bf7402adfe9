import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type AddressWords, explainBadAddress, formatAddress, parseAddress } from '../addresses/address.ts';
import { quoted } from '../errors.ts';
import { hashEntity } from '../events/entityHash.ts';
import { latestTime } from '../events/future.ts';
import { formatTime, parseTime } from '../events/time.ts';
import { emptyTally, roundedFigures } from '../inference/answer.ts';
import { requireHeld } from '../inference/misdirected.ts';
import { RequestError } from '../inference/requestError.ts';
import { describeModel } from './describeModel.ts';
import { isOneLine, type Observation } from './journal.ts';
import { inShape, readJsonBody } from './readBody.ts';
import { bodyErrors, described, figuresShape, JSON_LIMITS, jsonSchema, schema } from './schemas.ts';
import type { ServedModel } from './servedModel.ts';
import type { Serving } from './serving.ts';

/** More take longer than others should wait; `/invocations` with `detail=full` takes any number. */
const MOST_EVENTS = 1000;

export const event = z.object({ entity: z.string().min(1), address: z.string() });
const timedEvent = event.extend({
  time: z
    .union([z.number(), z.string()])
    .optional()
    .describe('seconds since 1970, or ISO 8601; default: now'),
});
const list = <T extends z.ZodType>(one: T) => z.object({ events: z.array(one).min(1).max(MOST_EVENTS) });
const oneOrMore = <T extends z.ZodType>(one: T) => z.union([one, list(one)]);
/** `in` would find what objects inherit. */
const isMany = (body: unknown): body is { events: unknown } =>
  typeof body === 'object' && body !== null && Object.hasOwn(body, 'events');

const score = z.object({
  entity: z.string(),
  address: z.string().describe('in canonical form'),
  ...figuresShape.shape,
});

/** Our own routes: the score people can act on. */
export function scoreRoutes(app: FastifyInstance, serving: Serving): void {
  app.post(
    '/v1/score',
    described(
      () => ({
        ...schema('Score', 'Score one event or some', {
          200: {
            description: 'one score, or {"scores": […]} for {"events": […]}',
            shape: z.union([score, z.object({ scores: z.array(score) })]),
          },
          ...bodyErrors([400, 413, 415, 421]),
        }),
        body: jsonSchema(oneOrMore(event)),
      }),
      JSON_LIMITS,
    ),
    (request, reply) => {
      const { main } = serving;
      const body = readJsonBody(request);
      if (!isMany(body)) {
        const one = inShape(body, event);
        requireAccounts(main, [one]);
        return reply.send(scoreOf(main, one, 'address'));
      }
      const { events } = inShape(body, list(event));
      requireAccounts(main, events);
      return reply.send({ scores: events.map((one, i) => scoreOf(main, one, `events[${i}].address`)) });
    },
  );

  app.post(
    '/v1/observe',
    described(
      () => ({
        ...schema('Score', 'Tell the model of honest events, which it learns at once', {
          200: {
            description: "how many were learned, and how many are not later than the model's last event",
            shape: z.object({ observed: z.number(), not_later: z.number().optional() }),
          },
          507: 'they cannot be kept, and were not learned',
          ...bodyErrors([400, 413, 415, 421]),
        }),
        body: jsonSchema(oneOrMore(timedEvent)),
      }),
      JSON_LIMITS,
    ),
    (request, reply) => {
      const body = readJsonBody(request);
      const isList = isMany(body);
      const events = isList ? inShape(body, list(timedEvent)).events : [inShape(body, timedEvent)];
      requireAccounts(serving.main, events);
      const observations = events.map((one, i) => observationOf(one, isList ? `events[${i}].` : ''));
      const observed = serving.observe(observations);
      const known = observations.length - observed;
      return reply.send({ observed, ...(known > 0 && { not_later: known }) });
    },
  );

  app.get(
    '/v1/model',
    described(() => schema('Score', 'The model in use', { 200: 'what it was trained with, and when' })),
    (_, reply) => reply.send(describeModel(serving)),
  );

  app.post(
    '/v1/model/reload',
    described(() =>
      schema('Score', 'Read the model file and the tokens again', {
        200: 'the new model is in use; {} where there are models by name only, and the tokens were read',
        422: 'the file is damaged or gone; the old model stays',
      }),
    ),
    async (_, reply) => {
      const loaded = await serving.reload();
      return reply.send(loaded ? describeModel(serving) : {});
    },
  );

  function scoreOf(
    { model }: ServedModel,
    { entity, address }: z.infer<typeof event>,
    place: string,
  ): z.infer<typeof score> {
    const words = wordsOf(address, place);
    const [low, high] = hashEntity(entity);
    const figures = model.assess(low, high, words, 0, serving.options.threshold);
    serving.desk?.recent?.add(entity, words, 0, Date.now() / 1000, figures);
    const strangers = figures.isKnown ? 0 : 1;
    serving.metrics.scored({ ...emptyTally(), [figures.verdict]: 1, strangers });
    return {
      entity,
      address: formatAddress(words),
      ...roundedFigures(figures),
      reasons: model.reasons(),
    };
  }
}

/** @throws MisdirectedError where an account is of a shard that another server has */
function requireAccounts({ model: { held } }: ServedModel, events: readonly { entity: string }[]): void {
  if (!held) return;
  const hashes = new Uint32Array(events.length * 2);
  for (const [i, { entity }] of events.entries()) hashes.set(hashEntity(entity), i * 2);
  requireHeld(held, events.length, hashes);
}

/** @param prefix of the event's place in messages */
function observationOf({ entity, address, time }: z.infer<typeof timedEvent>, prefix: string): Observation {
  const words = wordsOf(address, `${prefix}address`);
  if (!isOneLine(entity)) {
    throw new RequestError(
      400,
      `${prefix}entity: expected an entity without line breaks, got ${quoted(entity)}.`,
    );
  }
  const now = Date.now() / 1000;
  const seconds = time === undefined ? now : typeof time === 'number' ? time : parseTime(time);
  if (!(seconds >= 0 && seconds <= latestTime(now))) {
    throw new RequestError(
      400,
      `${prefix}time: expected seconds since 1970 or ISO 8601, at most a day ahead of ${formatTime(now)}, got ${quoted(String(time))}.`,
    );
  }
  return { entity, words, time: seconds };
}

/** The words of an address. @param place of it in messages @throws RequestError 400 */
export function wordsOf(address: string, place: string): AddressWords {
  const words = parseAddress(address);
  if (words) return words;
  throw new RequestError(
    400,
    `${place}: expected an IP address, got ${quoted(address)}: ${explainBadAddress(address)}.`,
  );
}
