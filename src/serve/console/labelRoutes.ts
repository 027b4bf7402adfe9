import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { inShape, readJsonBody } from '../readBody.ts';
import { bodyErrors, described, JSON_LIMITS, jsonSchema, schema } from '../schemas.ts';
import { wordsOf } from '../scoreRoutes.ts';
import type { Serving } from '../serving.ts';
import type { Desk } from './desk.ts';
import { labelAnswer, type labelledEvent, labelRequest, labelUndone, undoRequest } from './eventShapes.ts';
import { Labelling } from './labelling.ts';
import type { LabelledEvent } from './labels.ts';

/** What people say of events. */
export function labelRoutes(app: FastifyInstance, serving: Serving, desk: Desk): void {
  const labelling = new Labelling(desk, serving);

  app.post(
    '/v1/labels',
    described(
      () => ({
        ...schema('Console', 'Say whether an event was honest or an attack', {
          200: { description: 'it is kept; of what was said before, the later holds', shape: labelAnswer },
          422: 'the model has learned the event and cannot be loaded without it; nothing changes',
          507: 'it cannot be kept; nothing changes',
          ...bodyErrors([400, 413, 415]),
        }),
        description:
          "An honest event that is later than the last one of the model's file is learned too, as by /v1/observe.",
        body: jsonSchema(labelRequest),
      }),
      JSON_LIMITS,
    ),
    async (request, reply) => {
      const { label, ...event } = inShape(readJsonBody(request), labelRequest);
      return reply.send(await labelling.say(eventOf(event), label));
    },
  );

  app.post(
    '/v1/labels/undo',
    described(
      () => ({
        ...schema('Console', 'Take back what was said of an event', {
          200: { description: 'what was said before holds again', shape: labelUndone },
          404: 'there is no such label any more',
          422: 'the model has learned the event and cannot be loaded without it; nothing changes',
          507: 'the file of labels or the journal cannot be written; nothing changes',
          ...bodyErrors([400, 413, 415]),
        }),
        description: 'By the id of the answer, or by the event. What the model learned by it is forgotten.',
        body: jsonSchema(undoRequest),
      }),
      JSON_LIMITS,
    ),
    async (request, reply) => {
      const which = inShape(readJsonBody(request), undoRequest);
      return reply.send(await labelling.undo('id' in which ? which : eventOf(which)));
    },
  );
}

function eventOf({ entity, address, time }: z.infer<typeof labelledEvent>): LabelledEvent {
  return { entity, words: wordsOf(address, 'address'), time: time ?? Number.NaN };
}
