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

export const CUSTOM_ATTRIBUTES = 'x-amzn-sagemaker-custom-attributes';

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
  const format = requestFormat(headers['content-type']);
  const form = answerForm(headers.accept);
  const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
  serving.requireRoom();
  const { threshold } = serving.options;
  const options: AnswerOptions = { format, form, threshold, onBadRecord: 'error', counts: true };
  const attributes = headers[CUSTOM_ATTRIBUTES];
  if (typeof attributes === 'string') reply.raw.setHeader(CUSTOM_ATTRIBUTES, attributes);
  if (body.length > LARGE_BYTES[form.detail]) return invokeInCrew(serving, served, body, options, reply);
  const answer = new Answer(served.model, body, options);
  let text = '';
  for (let piece = answer.next(); piece !== undefined; piece = answer.next()) text += piece;
  serving.metrics.scored(answer.tally);
  send(reply, ANSWER_TYPES[form.format], text);
  return undefined;
}

/**
 * Sends a text past fastify, which would add a charset to its type, that AWS does not send. As a text it goes out together
 * with the headers, in one call of the operating system; as bytes it would not.
 */
function send(reply: FastifyReply, type: string, text: string): void {
  const { raw } = reply;
  reply.hijack();
  raw.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  const attributes = raw.getHeader(CUSTOM_ATTRIBUTES);
  // Together with a text, headers would be written in its encoding.
  const isAscii = attributes === undefined || /^[\x20-\x7e]*$/.test(String(attributes));
  raw.end(isAscii ? text : Buffer.from(text));
}

async function invokeInCrew(
  serving: Serving,
  served: ServedModel,
  body: Buffer,
  options: AnswerOptions,
  reply: FastifyReply,
): Promise<void> {
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
  const { pieces, tally } = answer;
  const stream = Readable.from(pieces, { objectMode: false, highWaterMark: 1 << 18 });
  reply.raw.once('close', () => {
    const counts = tally();
    if (counts) serving.metrics.scored(counts);
    end();
  });
  reply.header('content-type', ANSWER_TYPES[options.form.format]);
  reply.send(stream);
  await reply;
}
