import { z } from 'zod';
import { InputError } from '../../errors.ts';
import { EARLIEST_SECONDS, LATEST_SECONDS } from '../../events/time.ts';
import { RequestError } from '../../inference/requestError.ts';
import { type EventConditions, LABELS, parseNetwork } from '../../scores/eventFilter.ts';
import { VERDICTS } from '../../scores/scoredEvents.ts';
import type { EventFilter } from './contract.ts';
import type { EventTable } from './eventTable.ts';

/** What requests for events look like. Types of the contract come from contract.ts, which the compiler compares. */

const seconds = z.number().min(EARLIEST_SECONDS).max(LATEST_SECONDS);
const id = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const verdict = z.enum([...VERDICTS] as ['ok', 'suspicious', 'unknown']);

export const eventFilter = z.strictObject({
  source: z
    .enum(['loaded', 'recent'])
    .optional()
    .describe(
      '`loaded`: from the files of --events, the default where there are any; `recent`: what this server answered',
    ),
  account: z.string().min(1).optional().describe("part of the account's name, in any case of letters"),
  entity: z.string().min(1).optional().describe("the account's whole name"),
  network: z.string().optional().describe('an address, or a network as 198.51.100.0/24'),
  provider: z
    .string()
    .min(1)
    .optional()
    .describe("part of a provider's name, its number as AS64500, or a country's two letters"),
  verdict: verdict.optional(),
  label: z.enum(LABELS).optional(),
  from: seconds.optional().describe('seconds since 1970'),
  to: seconds.optional().describe('seconds since 1970, the last one'),
  least_anomaly: z.number().optional().describe('at least so strange, in nats'),
  after_id: id.optional(),
  up_to_id: id.optional(),
});

const order = z.enum(['strangest', 'latest']).default('strangest');

const MOST_ROWS = 200;

export const eventQuery = z.strictObject({
  filter: eventFilter.default({}),
  order,
  offset: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  limit: z.number().int().min(0).max(MOST_ROWS).default(100),
});

const MOST_BINS = 1000;

export const histogramQuery = z.strictObject({
  filter: eventFilter.default({}),
  bins: z.number().int().min(2).max(MOST_BINS).default(120),
});

export const exportQuery = z.strictObject({ filter: eventFilter.default({}), order });

const eventRow = z.object({
  id: z.number(),
  entity: z.string(),
  address: z.string().describe('in canonical form'),
  time: z.number().nullable().describe('seconds since 1970'),
  dot_product: z.number(),
  anomaly: z.number().describe('in nats; high = strange'),
  p_value: z.number().nullable(),
  verdict,
  provider: z.string().nullable(),
  country: z.string().nullable(),
  label: z.enum(['honest', 'attack']).nullable(),
});

export const eventPage = z.object({
  loaded: z.number().describe('share of the files read so far'),
  all: z.number(),
  total: z.number().describe('events that the filter lets through'),
  last_id: z.number().nullable(),
  rows: z.array(eventRow),
});

export const eventHistogram = z.object({
  edges: z.array(z.number()).describe('borders of the bins, seconds since 1970'),
  ok: z.array(z.number()),
  suspicious: z.array(z.number()),
  unknown: z.array(z.number()),
  untimed: z.number(),
});

export const eventSources = z.object({
  files: z.array(z.string()),
  loaded: z.number(),
  loaded_events: z.number(),
  skipped: z.number(),
  skipped_reasons: z.array(z.string()),
  recent_events: z.number(),
  tables: z.array(z.enum(['asn', 'country'])),
  labels_file: z.string().nullable(),
  keeps_observed_events: z.boolean(),
});

export const labelledEvent = z.strictObject({
  entity: z.string().min(1),
  address: z.string(),
  time: seconds.nullable().describe('seconds since 1970'),
});

export const labelRequest = labelledEvent.extend({
  label: z.enum(['honest', 'attack']).describe('honest: this was them; attack: this was not'),
});

export const labelAnswer = z.object({
  id: z.number().describe('takes the label back; of no use after a restart'),
  label: z.enum(['honest', 'attack']),
  observed: z.boolean().describe('whether the model learned the event'),
});

export const undoRequest = z.union([z.strictObject({ id: z.number().int() }), labelledEvent]);

export const labelUndone = z.object({ label: z.enum(['honest', 'attack']).nullable() });

/** @throws RequestError 400 where the network is none */
export function conditionsOf(filter: EventFilter, table: EventTable): EventConditions {
  const { account, entity, provider, verdict, label, from, to } = filter;
  const position = (id: number | undefined) => (id === undefined ? undefined : id - table.firstId);
  const after = position(filter.after_id);
  return {
    ...{ account, entity, provider, verdict, label, from, to },
    network: networkOf(filter.network),
    leastAnomaly: filter.least_anomaly,
    first: after === undefined ? undefined : after + 1,
    last: position(filter.up_to_id),
  };
}

function networkOf(text: string | undefined) {
  if (text === undefined) return undefined;
  try {
    return parseNetwork(text, 'filter.network');
  } catch (error) {
    if (error instanceof InputError) throw new RequestError(400, error.message);
    throw error;
  }
}
