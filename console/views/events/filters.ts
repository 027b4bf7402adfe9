import type { EventFilter } from '../../../src/serve/console/contract.ts';

/** What the view shows, as it stands in the address: names of parameters are those of the API. */
export interface Shown {
  filter: EventFilter;
  order: 'strangest' | 'latest';
  /** from 0 */
  page: number;
}

const TEXTS = ['account', 'entity', 'network', 'provider'] as const;
const NUMBERS = ['from', 'to', 'least_anomaly'] as const;
const CHOICES = {
  source: ['loaded', 'recent'],
  verdict: ['suspicious', 'ok', 'unknown'],
  label: ['honest', 'attack', 'none'],
} as const;

/** Whatever is none in the address is left out. */
export function shownBy(parameters: URLSearchParams): Shown {
  const filter: EventFilter = {};
  for (const name of TEXTS) {
    const text = parameters.get(name);
    if (text) filter[name] = text;
  }
  for (const name of NUMBERS) {
    const text = parameters.get(name);
    if (text && Number.isFinite(Number(text))) filter[name] = Number(text);
  }
  for (const name of ['source', 'verdict', 'label'] as const) {
    const choice = CHOICES[name].find((one) => one === parameters.get(name));
    if (choice !== undefined) Object.assign(filter, { [name]: choice });
  }
  const page = Number(parameters.get('page') ?? 1) - 1;
  return {
    filter,
    order: parameters.get('order') === 'latest' ? 'latest' : 'strangest',
    page: Number.isSafeInteger(page) && page > 0 ? page : 0,
  };
}

export function parametersOf({ filter, order, page }: Shown): Record<string, string | undefined> {
  const parameters: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(filter)) parameters[name] = String(value);
  if (order === 'latest') parameters.order = order;
  if (page > 0) parameters.page = String(page + 1);
  return parameters;
}

/** The filter without what holds no more. */
export function without(filter: EventFilter, ...names: (keyof EventFilter)[]): EventFilter {
  const rest = { ...filter };
  for (const name of names) delete rest[name];
  return rest;
}

/** With a condition changed; an empty one is none. */
export function changed(filter: EventFilter, change: { [K in keyof EventFilter]?: EventFilter[K] | '' }) {
  const next: Record<string, unknown> = { ...filter, ...change };
  for (const [name, value] of Object.entries(next)) {
    if (value === '' || value === undefined) delete next[name];
  }
  return next as EventFilter;
}

/** Whether anything but the source is chosen. */
export const isFiltered = (filter: EventFilter) => Object.keys(without(filter, 'source')).length > 0;

/** As an input of date and time has it, in UTC: `2018-11-08T17:02:11`. */
export function inputTime(seconds: number | undefined): string {
  if (seconds === undefined) return '';
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString().slice(0, 19);
}

/** @returns undefined where the text is no time */
export function secondsOf(text: string): number | undefined {
  const milliseconds = Date.parse(`${text.length === 16 ? `${text}:00` : text}Z`);
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}
