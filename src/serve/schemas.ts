import { z } from 'zod';

/*
 * What the OpenAPI document says of the routes. Requests are checked by the code that reads them, which knows the place of a
 * fault; these schemas describe only.
 */

type Json = Record<string, unknown>;

/** The JSON schema of a shape. */
export const jsonSchema = (shape: z.ZodType): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(shape, { io: 'input' });
  return rest;
};

/** What a refused request is answered. */
const shardsShape = z
  .array(z.object({ shard: z.number(), records: z.array(z.number()) }))
  .describe('421: which records, from 0, belong to which shard');
const errorShape = z.object({ error: z.string(), shards: shardsShape.optional() });

const ERRORS: Record<number, string> = {
  400: 'the request is none; the error names the place',
  401: 'no token, or a wrong one',
  413: 'the body is too large',
  421: 'an account is of a shard that another server has; X-Shard and the body say which (with --shards)',
  415: 'the content type is another one',
  429: 'too many requests at once; Retry-After says when to try again',
  503: 'no answer in time',
};

declare module 'fastify' {
  interface FastifyContextConfig {
    /** what the OpenAPI document says of a route */
    describe?: (() => FastifySchema) | undefined;
    /** of a request, if less than of others */
    maxBodyBytes?: number | undefined;
    /** answered without a token: it tells nothing of models or accounts */
    needsNoToken?: boolean | undefined;
  }
}

/** Options of a route that tell what the OpenAPI document says of it, made when somebody asks for that. */
export const described = (
  describe: () => Json,
  limits: { maxBodyBytes?: number; needsNoToken?: boolean } = {},
) => ({ config: { describe, ...limits } });

/** JSON is read whole in the thread that answers everybody: of so many bytes, in less than 100 ms, bad or good. */
export const JSON_LIMITS = { maxBodyBytes: 500_000 };

/** Path parameter `name`. */
export const named: Json = {
  type: 'object',
  properties: { name: { type: 'string' } },
  required: ['name'],
};

type Answers = Record<number, string | { description: string; shape: z.ZodType }>;

/**
 * @param answers for each status what it means, and the shape of the answer where it has one
 * @param params  JSON schema of the path's parameters
 */
export function schema(
  tag: string,
  summary: string,
  answers: Answers & { security?: [] },
  params?: Json,
): Json {
  const { security, ...rest } = answers;
  const all: Answers = security ? rest : { 401: ERRORS[401], 429: ERRORS[429], ...rest };
  const response: Json = {};
  for (const [status, answer] of Object.entries(all)) {
    const isError = Number(status) >= 400;
    const description = typeof answer === 'string' ? answer : answer.description;
    const shape = typeof answer === 'string' ? (isError ? errorShape : undefined) : answer.shape;
    response[status] = {
      description,
      ...(shape && { content: { 'application/json': { schema: jsonSchema(shape) } } }),
    };
  }
  const words = summary.replace(/[^A-Za-z ]/g, '').split(' ');
  const operationId = words.map((word, i) =>
    i === 0 ? word.toLowerCase() : word.charAt(0).toUpperCase() + word.slice(1),
  );
  return {
    tags: [tag],
    summary,
    operationId: operationId.join(''),
    response,
    ...(params && { params }),
    ...(security && { security }),
  };
}

/** What SageMaker's runtime answers of a refused request, as `answerAsRuntime` has it. */
const runtimeErrorShape = z.object({
  Code: z.string(),
  Message: z.string(),
  OriginalMessage: z.string().optional(),
  OriginalStatusCode: z.number().optional(),
  LogStreamArn: z.string().optional(),
  shards: shardsShape.optional(),
});
const RUNTIME_ERRORS: Record<number, string> = {
  400: 'ValidationError: the body is too large; ThrottlingException: too many requests at once',
  421: 'ModelError: an account is of a shard that another server has; X-Shard and the body say which (with --shards)',
  403: 'AccessDeniedException: no token, or a wrong one',
  424: 'ModelError: the request is refused, and the error names the place',
  503: 'ServiceUnavailable: no answer in time',
};
const runtimeErrors = (): Json =>
  Object.fromEntries(
    Object.entries(RUNTIME_ERRORS).map(([status, description]) => [
      status,
      { description, content: { 'application/json': { schema: jsonSchema(runtimeErrorShape) } } },
    ]),
  );

/** The errors that any route with a body may answer. */
export const bodyErrors = (statuses: number[]): Answers =>
  Object.fromEntries(statuses.map((status) => [status, ERRORS[status]]));

const features = z.tuple([z.string(), z.string()]);
const instance = z.union([
  z.object({ features }),
  z.object({ data: z.object({ features: z.object({ values: features }) }) }),
]);

/** All that there is to say of an event. */
export const figuresShape = z.object({
  dot_product: z.number().describe('high = expected; means nothing for an entity never seen'),
  anomaly: z.number().describe('in nats; high = strange, 0 where an attacker is as likely'),
  p_value: z.number().nullable().describe('share of honest events at least this strange'),
  verdict: z.enum(['ok', 'suspicious', 'unknown']),
  reasons: z.array(z.object({ code: z.string(), sentence: z.string() })),
});

const prediction = figuresShape
  .partial()
  .required({ dot_product: true })
  .extend({ entity_embedding: z.array(z.number()).optional(), ip_embedding: z.array(z.number()).optional() });

/** Routes that take AWS's inference formats. @param asRuntime with errors as SageMaker's clients know them */
export function invocationSchema(summary: string, params?: Json, asRuntime = false): Json {
  const described = schema(
    'SageMaker',
    summary,
    { 200: 'predictions, in the order of the records', ...bodyErrors([400, 413, 415, 421, 503]) },
    params,
  );
  const predictions = z.object({ predictions: z.array(prediction) });
  return {
    ...described,
    description:
      'Accept: application/json (default) or application/jsonlines; with `; verbose=True` the vectors too, with `; detail=full` anomaly, p-value, verdict and reasons.',
    body: {
      content: {
        'application/json': {
          schema: {
            ...jsonSchema(z.object({ instances: z.array(instance) })),
            examples: [{ instances: [{ features: ['alice', '198.51.100.7'] }] }],
          },
        },
        'text/csv': { schema: { type: 'string', examples: ['alice,198.51.100.7\n'] } },
        'application/jsonlines': {
          schema: { type: 'string', examples: ['{"features":["alice","198.51.100.7"]}\n'] },
        },
      },
    },
    response: {
      ...(asRuntime ? runtimeErrors() : (described.response as Json)),
      200: {
        description: 'predictions, in the order of the records',
        content: {
          'application/json': { schema: jsonSchema(predictions) },
          'application/jsonlines': { schema: { type: 'string', examples: ['{"dot_product":1.5}\n'] } },
        },
      },
    },
  };
}
