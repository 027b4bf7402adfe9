import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { version } from '../version.ts';
import type { Counts, Exposition, Readings } from './metrics.ts';
import type { RequestFigures } from './requestFigures.ts';

/** Prometheus's text format of what was counted, and of the process. */
export function openExposition(
  counts: Counts,
  requests: RequestFigures,
  readings: Readings,
): () => Promise<Exposition> {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  /** Its values are those of elsewhere, told when somebody asks. */
  const counter = (
    name: string,
    help: string,
    labelNames: string[],
    read: () => Iterable<readonly [labels: Record<string, string>, count: number]>,
  ) => {
    const made: Counter = new Counter({
      name: `ip_insights_${name}`,
      help,
      labelNames,
      registers,
      collect: () => {
        made.reset();
        for (const [labels, count] of read()) made.inc(labels, count);
      },
    });
  };
  const gauge = (name: string, help: string, read: () => number) => {
    const made: Gauge = new Gauge({
      name: `ip_insights_${name}`,
      help,
      registers,
      collect: () => made.set(read()),
    });
  };
  counter('requests_total', 'Requests that were answered, by route and status', ['route', 'status'], () =>
    requests.answers(),
  );
  counter('verdicts_total', 'Scored events by verdict', ['verdict'], () =>
    (['ok', 'suspicious', 'unknown'] as const).map((verdict) => [{ verdict }, counts[verdict]] as const),
  );
  counter('unknown_entities_total', 'Scored events of entities that the model has not seen', [], () => [
    [{}, counts.strangers],
  ]);
  counter('observed_events_total', 'Events that the model was told of', [], () => [[{}, counts.observed]]);
  counter('reloads_total', 'Reloads of the model by outcome', ['outcome'], () =>
    (['loaded', 'refused'] as const).map((outcome) => [{ outcome }, counts[outcome]] as const),
  );
  gauge('requests_in_flight', 'Requests being answered', readings.inFlight);
  gauge('body_bytes', 'Bytes of requests in memory', readings.bodyBytes);
  gauge('models_loaded', 'Models in memory', readings.modelsLoaded);
  gauge(
    'model_age_seconds',
    'Since the last event that the model learned from; NaN where its events have no times',
    () => readings.modelAgeSeconds() ?? Number.NaN,
  );
  new Gauge({
    name: 'ip_insights_build_info',
    help: 'Version of ip-insights',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1);
  return async () => ({
    contentType: registry.contentType,
    text: `${await registry.metrics()}\n${requests.durationsText()}`,
  });
}
