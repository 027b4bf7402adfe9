import type { IncomingMessage, RequestListener } from 'node:http';
import { foreignPage } from './console/foreignPages.ts';
import type { WatchedResponse } from './httpServer.ts';
import { invokeSmall, isSmall, optionsOf, targetModel } from './invoke.ts';
import type { Serving } from './serving.ts';

const ROUTE = '/invocations';

/**
 * The short way for what an endpoint is asked most: a small and good `POST /invocations`. Fastify's routing, hooks and async
 * scopes take as long as reading the request and scoring it (docs/decisions/0008). Whatever else comes takes the way through
 * fastify, with the body that was read here; so what is refused, and in which words, is decided there alone.
 * @param otherwise fastify's handler
 * @returns whether the request was taken; if not, nothing of it was
 */
export function answerDirectly(
  serving: Serving,
  request: IncomingMessage,
  response: WatchedResponse,
  otherwise: RequestListener,
): boolean {
  const { headers } = request;
  if (request.url !== ROUTE || request.method !== 'POST' || headers['content-encoding']) return false;
  const length = Number(headers['content-length']);
  if (!isSmall(length, headers) || targetModel(serving, headers) !== undefined) return false;
  if (!serving.admits(headers.authorization)) return false;
  if (serving.desk && foreignPage(request, serving.needsToken) !== undefined) return false;
  response.route = ROUTE;
  serving.bodies.read(request, length, (error, body) => {
    if (!error && body && hasAnswered(serving, request, response, body)) return;
    serving.bodies.keep(request, error, body);
    otherwise(request, response);
  });
  return true;
}

/** @returns whether it did; nothing was sent or counted if not */
function hasAnswered(
  serving: Serving,
  { headers }: IncomingMessage,
  response: WatchedResponse,
  body: Buffer,
): boolean {
  try {
    invokeSmall(serving, serving.main, body, optionsOf(serving, headers), headers, response);
    return true;
  } catch {
    // Fastify's way comes to the same fault, and tells it.
    return false;
  }
}
