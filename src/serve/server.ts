import type { RequestListener } from 'node:http';
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify';
import { quoted } from '../errors.ts';
import { requestFormat } from '../inference/mediaTypes.ts';
import { MisdirectedError, type ShardRecords } from '../inference/misdirected.ts';
import { RequestError } from '../inference/requestError.ts';
import { consoleRoutes } from './console/consoleRoutes.ts';
import { foreignPage } from './console/foreignPages.ts';
import { createHttpServer, type WatchedResponse } from './httpServer.ts';
import { invocationRoutes } from './invocationRoutes.ts';
import { modelRoutes } from './modelRoutes.ts';
import { described, schema } from './schemas.ts';
import { scoreRoutes } from './scoreRoutes.ts';
import type { Serving } from './serving.ts';

export interface ServerOptions {
  /** of pino: `info`, `warn`, … or `silent` */
  logLevel: string;
  /** a line for each request: route, status and time, nothing of its content */
  logRequests: boolean;
  /** where the log goes, a JSON object a line */
  log: NodeJS.WritableStream;
}

const noCompiler = () => () => {
  throw new Error('no route has a schema');
};

/** The HTTP server on the models of `serving`, not yet listening. */
export async function createServer(serving: Serving, options: ServerOptions): Promise<FastifyInstance> {
  const app = fastify({
    logger: { level: options.logLevel, stream: options.log },
    logController: new LogController({ disableRequestLogging: true }),
    serverFactory: (handler) =>
      createHttpServer(serving, handler as RequestListener, (request) => {
        if (options.logRequests) app.log.info(request, 'request');
      }),
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
    exposeHeadRoutes: false,
    // One for each request is made otherwise, to name it in lines that are not written.
    childLoggerFactory: (logger) => logger,
    // Requests are checked where they are read; the compilers of schemas take long to load.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request, payload, done) => {
    const announced = Number(request.headers['content-length'] ?? 0);
    serving.bodies.read(payload, announced, done, request.routeOptions.config.maxBodyBytes);
  });

  app.addHook('onRequest', (request, reply, done) => {
    (reply.raw as WatchedResponse).route = routeOf(request);
    const { authorization, 'content-encoding': encoding = 'identity' } = request.headers;
    const foreign = serving.desk && foreignPage(request.raw, serving.needsToken);
    if (foreign !== undefined) {
      done(new RequestError(403, foreign));
      return;
    }
    if (request.routeOptions.config.needsNoToken || serving.admits(authorization)) {
      const isReadable = encoding === 'identity';
      done(
        isReadable
          ? undefined
          : new RequestError(415, `Content-Encoding: expected none, got ${quoted(encoding)}.`),
      );
      return;
    }
    reply.header('www-authenticate', 'Bearer');
    done(new RequestError(401, 'Authorization: expected "Bearer TOKEN" with a token of this server.'));
  });
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `there is no ${request.method} ${request.url.split('?')[0]}.` }),
  );

  allRoutes(app, serving);
  await app.ready();
  return app;
}

function allRoutes(app: FastifyInstance, serving: Serving): void {
  invocationRoutes(app, serving);
  scoreRoutes(app, serving);
  if (serving.shelf) modelRoutes(app, serving, serving.shelf);
  if (serving.desk) consoleRoutes(app, serving, serving.desk);
  app.get(
    '/metrics',
    described(() => schema('Operation', 'Metrics in the text format of Prometheus', { 200: 'them' })),
    async (_, reply) => {
      const { contentType, text } = await serving.metrics.read();
      return reply.type(contentType).send(text);
    },
  );
  let document: Promise<object> | undefined;
  app.get(
    '/openapi.json',
    described(() => schema('Operation', 'This document', { 200: 'it' })),
    async (_, reply) => {
      document ??= import('./openApiDocument.ts').then((module) =>
        module.openApiDocument((routes) => allRoutes(routes, serving)),
      );
      return reply.send(await document);
    },
  );
}

/** The pattern of a request's route, so that no name stands in metrics and logs. */
const routeOf = (request: FastifyRequest) => request.routeOptions.url ?? 'none';

const RETRY_SECONDS = '1';

/** What was wrong, in our words where fastify found it first. */
function explained(error: FastifyError, request: FastifyRequest): FastifyError {
  if (error.code !== 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return error;
  try {
    requestFormat(request.headers['content-type']);
    return error;
  } catch (explanation) {
    return explanation as FastifyError;
  }
}

function answerError(raised: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = explained(raised, request);
  const status = error instanceof RequestError ? error.status : (error.statusCode ?? 500);
  const isOurs = status >= 500 && !(error instanceof RequestError);
  // A message of ours may hold what the client sent, so only failures that nobody expects are logged whole.
  if (isOurs)
    request.log.error({ route: routeOf(request), err: error }, 'unexpected failure, please report it');
  const message = isOurs ? 'unexpected failure; the log of the server has more.' : error.message;
  if (status === 429 || status === 503) reply.header('retry-after', RETRY_SECONDS);
  // Fastify would close the connection, and who is still sending would see that rather than the answer. A body whose end is known
  // is read past; one without may never end.
  if (request.headers['content-length'] !== undefined) reply.removeHeader('connection');
  const belongs = error instanceof MisdirectedError ? { shards: error.shards } : {};
  if (belongs.shards) reply.header('x-shard', belongs.shards.map(({ shard }) => shard).join(', '));
  if (routeOf(request) === '/endpoints/:name/invocations')
    return answerAsRuntime(status, message, belongs, reply);
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .send({ error: message, ...belongs });
}

/** Errors as SageMaker's runtime passes those of a container on, so that its clients raise what they always raise. */
function answerAsRuntime(
  status: number,
  message: string,
  belongs: { shards?: readonly ShardRecords[] },
  reply: FastifyReply,
): FastifyReply {
  const send = (code: number, type: string, body: Record<string, unknown>) =>
    reply
      .code(code)
      .type('application/json')
      .header('x-amzn-errortype', type)
      .send({ Code: type, ...body });
  if (status === 401) return send(403, 'AccessDeniedException', { Message: message });
  if (status === 429) return send(400, 'ThrottlingException', { Message: message });
  if (status === 503) return send(503, 'ServiceUnavailable', { Message: message });
  // A load balancer goes by the status.
  if (belongs.shards) return send(421, 'ModelError', { Message: message, ...belongs });
  if (status === 413) return send(400, 'ValidationError', { Message: message });
  return send(424, 'ModelError', {
    Message: `Received client error (${status}) from primary with message "${message}".`,
    OriginalMessage: message,
    OriginalStatusCode: status,
    LogStreamArn: '',
  });
}
