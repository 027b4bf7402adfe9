import type { Tally } from '../inference/answer.ts';
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

/** What has happened since the server started. */
export interface Counts {
  ok: number;
  suspicious: number;
  unknown: number;
  strangers: number;
  observed: number;
  loaded: number;
  refused: number;
}

export interface Exposition {
  contentType: string;
  text: string;
}

/** What `/metrics` shows. Counting is cheap and starts at once; what writes it is loaded when the server is ready. */
export class ServerMetrics {
  readonly #readings: Readings;
  readonly #requests = new RequestFigures();
  readonly #counts: Counts = {
    ok: 0,
    suspicious: 0,
    unknown: 0,
    strangers: 0,
    observed: 0,
    loaded: 0,
    refused: 0,
  };
  #exposition: Promise<() => Promise<Exposition>> | undefined;

  constructor(readings: Readings) {
    this.#readings = readings;
  }

  /** Loads what writes the metrics, and begins with those of the process. */
  open(): Promise<() => Promise<Exposition>> {
    this.#exposition ??= import('./exposition.ts').then(({ openExposition }) =>
      openExposition(this.#counts, this.#requests, this.#readings),
    );
    return this.#exposition;
  }

  /** In Prometheus's text format. */
  async read(): Promise<Exposition> {
    const expose = await this.open();
    return expose();
  }

  /** @param route its pattern, never the path itself, which others choose */
  request(route: string, status: number, seconds: number): void {
    this.#requests.take(route, status, seconds);
  }

  scored({ ok, suspicious, unknown, strangers }: Tally): void {
    const counts = this.#counts;
    counts.ok += ok;
    counts.suspicious += suspicious;
    counts.unknown += unknown;
    counts.strangers += strangers;
  }

  observed(events: number): void {
    this.#counts.observed += events;
  }

  reloaded(outcome: 'loaded' | 'refused'): void {
    this.#counts[outcome]++;
  }
}
