/** Seconds: from the fastest answers to the longest that AWS waits for. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

const DURATION = 'ip_insights_request_duration_seconds';

/** What is counted of one route. */
class RouteFigures {
  /** answers by status */
  readonly statuses = new Map<number, number>();
  /** by the first bucket that holds the duration; the last is for longer ones */
  readonly durations = new Float64Array(BUCKETS.length + 1);
  seconds = 0;

  take(status: number, seconds: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    let bucket = 0;
    while (bucket < BUCKETS.length && seconds > BUCKETS[bucket]) bucket++;
    this.durations[bucket]++;
    this.seconds += seconds;
  }
}

/**
 * Requests and their durations by route. Counted here rather than by prom-client, which hashes the labels each time: 5 µs for
 * each request, a tenth of what the whole may take.
 */
export class RequestFigures {
  readonly #routes = new Map<string, RouteFigures>();

  /** How many by route and status. */
  *answers(): Generator<[labels: { route: string; status: string }, count: number]> {
    for (const [route, { statuses }] of this.#routes) {
      for (const [status, count] of statuses) yield [{ route, status: String(status) }, count];
    }
  }

  /** @param route its pattern, never the path itself, which others choose */
  take(route: string, status: number, seconds: number): void {
    let figures = this.#routes.get(route);
    if (!figures) {
      figures = new RouteFigures();
      this.#routes.set(route, figures);
    }
    figures.take(status, seconds);
  }

  /** The histogram of durations in Prometheus's text format, which the registry does not know. */
  durationsText(): string {
    const lines = [
      `# HELP ${DURATION} From the headers of a request to the end of its answer`,
      `# TYPE ${DURATION} histogram`,
    ];
    for (const [route, { durations, seconds }] of this.#routes) {
      let count = 0;
      for (const [bucket, limit] of [...BUCKETS, '+Inf'].entries()) {
        count += durations[bucket];
        lines.push(`${DURATION}_bucket{le="${limit}",route="${route}"} ${count}`);
      }
      lines.push(
        `${DURATION}_sum{route="${route}"} ${seconds}`,
        `${DURATION}_count{route="${route}"} ${count}`,
      );
    }
    return `${lines.join('\n')}\n`;
  }
}
