import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Tally } from '../inference/answer.ts';
import type { Verdict } from '../model/model.ts';
import { version } from '../version.ts';
import { RequestFigures } from './requestFigures.ts';

/** What the gauges ask for when they are read. */
export interface Readings {
  /** requests being answered */
  inFlight(): number;
  /** of bodies that are still arriving or wait to be answered */
  bodyBytes(): number;
  /** seconds since the model in use was trained with its last event; undefined where that is not known */
  modelAgeSeconds(): number | undefined;
  modelsLoaded(): number;
}

/** What `/metrics` shows, in Prometheus's text format. */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #requests: RequestFigures;
  readonly #verdicts: Record<Verdict, Counter.Internal>;
  readonly #strangers: Counter;
  readonly #badRecords: Counter;
  readonly #observed: Counter;
  readonly #reloads: Counter<'outcome'>;

  constructor(readings: Readings) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    const counter = (name: string, help: string) =>
      new Counter({ name: `ip_insights_${name}`, help, registers });
    this.#requests = new RequestFigures(this.#registry);
    const verdicts = new Counter({
      name: 'ip_insights_verdicts_total',
      help: 'Scored events by verdict',
      labelNames: ['verdict'],
      registers,
    });
    this.#verdicts = {
      ok: verdicts.labels('ok'),
      suspicious: verdicts.labels('suspicious'),
      unknown: verdicts.labels('unknown'),
    };
    this.#strangers = counter(
      'unknown_entities_total',
      'Scored events of entities that the model has not seen',
    );
    this.#badRecords = counter('bad_records_total', 'Requests refused, and records marked, for a bad record');
    this.#observed = counter('observed_events_total', 'Events that the model was told of');
    this.#reloads = new Counter({
      name: 'ip_insights_reloads_total',
      help: 'Reloads of the model by outcome',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['loaded', 'refused']) this.#reloads.labels(outcome).inc(0);
    const gauge = (name: string, help: string, read: () => number) => {
      const made: Gauge = new Gauge({
        name: `ip_insights_${name}`,
        help,
        registers,
        collect: () => made.set(read()),
      });
    };
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
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    return `${await this.#registry.metrics()}\n${this.#requests.durationsText()}`;
  }

  /** @param route its pattern, never the path itself, which others choose */
  request(route: string, status: number, seconds: number): void {
    this.#requests.take(route, status, seconds);
  }

  scored({ ok, suspicious, unknown, strangers, bad }: Tally): void {
    if (ok > 0) this.#verdicts.ok.inc(ok);
    if (suspicious > 0) this.#verdicts.suspicious.inc(suspicious);
    if (unknown > 0) this.#verdicts.unknown.inc(unknown);
    if (strangers > 0) this.#strangers.inc(strangers);
    if (bad > 0) this.#badRecords.inc(bad);
  }

  observed(events: number): void {
    this.#observed.inc(events);
  }

  reloaded(outcome: 'loaded' | 'refused'): void {
    this.#reloads.labels(outcome).inc();
  }
}
