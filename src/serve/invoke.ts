import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Answer, type AnswerOptions } from '../inference/answer.ts';
import type { StreamedAnswer } from '../inference/crew.ts';
import { ANSWER_TYPES, type AnswerForm, answerForm, requestFormat } from '../inference/mediaTypes.ts';
import type { ServedModel } from './servedModel.ts';
import type { Serving } from './serving.ts';

/**
 * Larger requests are scored by the crew: so many bytes take some 5 ms, for which others wait. Vectors are 256 numbers and
 * more a record, reasons several sentences.
 */
const LARGE_BYTES: Record<AnswerForm['detail'], number> = { dot_product: 32_768, verbose: 1024, full: 4096 };

const CUSTOM_ATTRIBUTES = 'x-amzn-sagemaker-custom-attributes';
/** SageMaker clients name one of several models by it. */
const TARGET_MODEL = 'x-amzn-sagemaker-target-model';

/** Which of several models a request names; undefined: the server's own. */
export function targetModel({ shelf }: Serving, headers: IncomingHttpHeaders): string | undefined {
  const name = headers[TARGET_MODEL];
  return shelf && typeof name === 'string' ? name : undefined;
}

/** Whether a request is answered at once, rather than by the crew. */
export const isSmall = (bytes: number, { accept }: IncomingHttpHeaders): boolean =>
  bytes <= LARGE_BYTES[answerForm(accept).detail];

/**
 * Answers a request of AWS's inference formats: a small one at once, a large one in time.
 * @throws RequestError where it is none
 */
export function invoke(
  serving: Serving,
  served: ServedModel,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> | undefined {
  const { headers } = request;
  const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
  const options = optionsOf(serving, headers);
  if (!isSmall(body.length, headers)) return invokeInCrew(serving, served, body, options, headers, reply);
  invokeSmall(serving, served, body, options, headers, reply.raw);
  // Only now: what is refused, fastify answers.
  reply.hijack();
  return undefined;
}

/** What the headers of a request ask for. @throws RequestError where they are none of ours */
export function optionsOf({ options: { threshold } }: Serving, headers: IncomingHttpHeaders): AnswerOptions {
  const format = requestFormat(headers['content-type']);
  return { format, form: answerForm(headers.accept), threshold, onBadRecord: 'error', counts: true };
}

/**
 * Answers past fastify, which would add a charset to the type, that AWS does not send. As a text the answer goes out together
 * with the headers, in one call of the operating system; as bytes it would not.
 * @throws RequestError where it is none; then nothing was sent
 */
export function invokeSmall(
  serving: Serving,
  served: ServedModel,
  body: Buffer,
  options: AnswerOptions,
  headers: IncomingHttpHeaders,
  response: ServerResponse,
): void {
  const answer = new Answer(served.model, body, options, serving.witness(served));
  let text = '';
  for (let piece = answer.next(); piece !== undefined; piece = answer.next()) text += piece;
  const sent: OutgoingHttpHeaders = {
    'content-type': ANSWER_TYPES[options.form.format],
    'content-length': Buffer.byteLength(text),
  };
  const attributes = headers[CUSTOM_ATTRIBUTES];
  if (attributes !== undefined) sent[CUSTOM_ATTRIBUTES] = attributes;
  response.writeHead(200, sent);
  // Together with a text, headers would be written in its encoding.
  const isAscii = attributes === undefined || /^[\x20-\x7e]*$/.test(String(attributes));
  response.end(isAscii ? text : Buffer.from(text));
  serving.metrics.scored(answer.tally());
}

async function invokeInCrew(
  serving: Serving,
  served: ServedModel,
  body: Buffer,
  options: AnswerOptions,
  headers: IncomingHttpHeaders,
  reply: FastifyReply,
): Promise<void> {
  const attributes = headers[CUSTOM_ATTRIBUTES];
  if (typeof attributes === 'string') reply.raw.setHeader(CUSTOM_ATTRIBUTES, attributes);
  serving.requireRoom();
  serving.inFlight++;
  let answer: StreamedAnswer | undefined;
  const end = () => {
    serving.inFlight--;
    answer?.end();
  };
  try {
    // The body stays counted until the answer is sent, though its bytes move to the other thread.
    answer = await serving.crew.answer(served.number, body, options, serving.options.timeoutSeconds);
  } catch (error) {
    end();
    throw error;
  }
  if (reply.raw.closed) {
    // Whoever asked has gone meanwhile.
    reply.hijack();
    end();
    return;
  }
  const { pieces } = answer;
  // A reader that takes nothing for so long has gone, or keeps others out.
  const stalled = setTimeout(() => reply.raw.destroy(), serving.options.timeoutSeconds * 1000);
  const taken = watched(pieces, () => stalled.refresh());
  const stream = Readable.from(taken, { objectMode: false, highWaterMark: 1 << 18 });
  reply.raw.once('close', () => {
    clearTimeout(stalled);
    end();
  });
  reply.header('content-type', ANSWER_TYPES[options.form.format]);
  reply.send(stream);
  await reply;
}

/** The same pieces. @param onTaken called whenever one is asked for */
async function* watched(pieces: AsyncGenerator<Uint8Array>, onTaken: () => void): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    onTaken();
    yield piece;
  }
}
