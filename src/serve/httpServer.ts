import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { answerDirectly } from './directAnswer.ts';
import type { Serving } from './serving.ts';

/** An answer that knows what metrics and the log say of it. */
export class WatchedResponse<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  /** the pattern of its route, so that no name stands in metrics and logs */
  route = 'none';
  readonly startedMilliseconds = performance.now();
}

export interface WatchedRequest {
  method: string;
  route: string;
  status: number;
  milliseconds: number;
}

/** Headers must be there after so many seconds. */
const HEADERS_SECONDS = 10;
/** Longer than the idle time of the load balancers before it, so that they end connections, not we. */
const KEEP_ALIVE_SECONDS = 75;
/** As nginx counts requests whose client did not wait for the answer. */
const CLIENT_GONE = 499;

/**
 * The server below fastify: time limits, metrics, and the direct way for most requests.
 * @param otherwise fastify's handler
 * @param onEnd     told of each request whose answer has gone, or its client
 */
export function createHttpServer(
  serving: Serving,
  otherwise: RequestListener,
  onEnd: (request: WatchedRequest) => void,
): Server {
  const { timeoutSeconds } = serving.options;
  /** requests that the engine answered itself, as fastify has it do */
  const refused = new WeakMap<Socket, number>();
  const end = (request: IncomingMessage, response: WatchedResponse) => {
    serving.bodies.release(request);
    serving.connections.answered(request.socket);
    const { route, startedMilliseconds } = response;
    const status = response.writableFinished
      ? response.statusCode
      : (refused.get(request.socket) ?? CLIENT_GONE);
    const milliseconds = performance.now() - startedMilliseconds;
    serving.metrics.request(route, status, milliseconds / 1000);
    onEnd({ method: request.method ?? '', route, status, milliseconds });
  };
  const server = createServer(
    {
      ServerResponse: WatchedResponse,
      requestTimeout: timeoutSeconds * 1000,
      headersTimeout: Math.min(HEADERS_SECONDS, timeoutSeconds) * 1000,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: KEEP_ALIVE_SECONDS * 1000,
    },
    (request, response) => {
      serving.connections.asked(request.socket);
      // Comes for every request, also where its client goes away before the answer.
      response.on('close', () => end(request, response));
      const isTaken = server.listening && answerDirectly(serving, request, response, otherwise);
      if (!isTaken) otherwise(request, response);
    },
  );
  server.on('connection', (socket) => serving.connections.opened(socket));
  server.on('clientError', ({ code }: NodeJS.ErrnoException, socket) => {
    if (code === 'ERR_HTTP_REQUEST_TIMEOUT') refused.set(socket as Socket, 408);
    else if (code?.startsWith('HPE_')) refused.set(socket as Socket, 400);
  });
  // Nothing moves on the connection for longer than an answer may take: its reader is gone.
  server.setTimeout((timeoutSeconds + HEADERS_SECONDS) * 1000);
  return server;
}
