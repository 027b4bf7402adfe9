import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { quoted } from '../errors.ts';
import { requestFormat } from '../inference/mediaTypes.ts';
import { parseJsonBody } from '../inference/readRequest.ts';
import { RequestError } from '../inference/requestError.ts';

/** The JSON body of a request. @throws RequestError 400 with the place, 415 where it is no JSON */
export function readJsonBody(request: FastifyRequest): unknown {
  const { 'content-type': contentType } = request.headers;
  if (requestFormat(contentType) !== 'json') {
    throw new RequestError(415, `Content-Type: expected application/json, got ${quoted(contentType ?? '')}.`);
  }
  return parseJsonBody((request.body as Buffer | undefined) ?? Buffer.alloc(0));
}

/** A value in the shape of a schema. @throws RequestError 400 with the place */
export function inShape<T>(value: unknown, shape: z.ZodType<T>): T {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new RequestError(
    400,
    `${placeOf(path)}: ${message.replace('Invalid input: ', '').replace(/, received/, ', got')}.`,
  );
}

/** `events[3].address` */
function placeOf(path: PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text === '' ? 'body' : text.replace(/^\./, '');
}
