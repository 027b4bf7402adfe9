import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { timelineOf } from '../../scores/timeline.ts';
import { inShape, readJsonBody } from '../readBody.ts';
import { bodyErrors, described, JSON_LIMITS, jsonSchema, schema } from '../schemas.ts';
import type { Serving } from '../serving.ts';
import type { EventFilter, EventHistogram, EventPage, EventSources } from './contract.ts';
import type { Desk } from './desk.ts';
import { csvOf, rowOf } from './eventRows.ts';
import {
  conditionsOf,
  eventHistogram,
  eventPage,
  eventQuery,
  eventSources,
  exportQuery,
  histogramQuery,
} from './eventShapes.ts';

/** The scored events: pages of them, when they were, all of them as CSV. */
export function eventRoutes(app: FastifyInstance, serving: Serving, desk: Desk): void {
  const tableOf = ({ source }: EventFilter) =>
    desk.table(source ?? (desk.loading.names.length > 0 ? 'loaded' : 'recent'), serving);

  app.get(
    '/v1/events/sources',
    described(() =>
      schema('Console', 'Events that there are to look at', {
        200: { description: 'files, recent events, tables, where labels are kept', shape: eventSources },
      }),
    ),
    (_, reply) => reply.send(sourcesOf(serving, desk)),
  );

  app.post(
    '/v1/events/query',
    described(
      () => ({
        ...schema('Console', 'Find scored events', {
          200: { description: 'a page of them', shape: eventPage },
          ...bodyErrors([400, 413, 415]),
        }),
        body: jsonSchema(eventQuery),
      }),
      JSON_LIMITS,
    ),
    async (request, reply) => {
      const { filter, order, offset, limit } = inShape(readJsonBody(request), eventQuery);
      const table = await tableOf(filter);
      const positions = table.find(conditionsOf(filter, table), order);
      const names = desk.groupNames(serving);
      const page: EventPage = {
        loaded: filter.source === 'recent' ? 1 : desk.loading.share,
        all: table.count,
        total: positions.length,
        last_id: table.count === 0 ? null : table.firstId + table.count - 1,
        rows: Array.from(positions.subarray(offset, offset + limit), (i) => rowOf(table, names, i)),
      };
      return reply.send(page);
    },
  );

  app.post(
    '/v1/events/histogram',
    described(
      () => ({
        ...schema('Console', 'Count scored events over time', {
          200: { description: 'events of each verdict in each bin of time', shape: eventHistogram },
          ...bodyErrors([400, 413, 415]),
        }),
        body: jsonSchema(histogramQuery),
      }),
      JSON_LIMITS,
    ),
    async (request, reply) => {
      const { filter, bins } = inShape(readJsonBody(request), histogramQuery);
      const table = await tableOf(filter);
      const positions = table.find(conditionsOf(filter, table), 'latest');
      const { edges, counts, untimed } = timelineOf(table.events, positions, bins, filter.from, filter.to);
      const [ok, suspicious, unknown] = counts;
      const answer: EventHistogram = { edges, ok, suspicious, unknown, untimed };
      return reply.send(answer);
    },
  );

  app.post(
    '/v1/events/export',
    described(
      () => ({
        ...schema('Console', 'Export scored events as CSV', {
          200: 'all that the filter lets through, with a header row',
          ...bodyErrors([400, 413, 415]),
        }),
        description:
          'A name that a spreadsheet would run as a formula, as it begins with = + - @ tab or carriage return, has an apostrophe in front.',
        body: jsonSchema(exportQuery),
      }),
      JSON_LIMITS,
    ),
    async (request, reply) => {
      const { filter, order } = inShape(readJsonBody(request), exportQuery);
      const table = await tableOf(filter);
      const positions = table.find(conditionsOf(filter, table), order);
      const pieces = csvOf(table, desk.groupNames(serving), positions);
      reply.header('content-type', 'text/csv; charset=utf-8; header=present');
      reply.header('content-disposition', 'attachment; filename="events.csv"');
      return reply.send(Readable.from(inTurn(pieces), { objectMode: false, highWaterMark: 1 << 18 }));
    },
  );
}

/** The same pieces; before each, other requests have their turn. */
async function* inTurn(pieces: Iterable<string>): AsyncGenerator<string> {
  for (const piece of pieces) {
    yield piece;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function sourcesOf(serving: Serving, desk: Desk): EventSources {
  const { loading, recent, labels } = desk;
  return {
    files: loading.names,
    loaded: loading.share,
    loaded_events: desk.events.count,
    skipped: loading.skipped,
    skipped_reasons: loading.skippedReasons,
    recent_events: recent ? recent.total - recent.first : 0,
    tables: desk.groupNames(serving)?.kinds ?? [],
    labels_file: labels.path ?? null,
    keeps_observed_events: serving.keepsJournal,
  };
}
