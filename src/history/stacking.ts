import { type AccountShards, ONE_SHARD } from './accountShards.ts';

/**
 * How far to trust the two parts: logistic regression of "honest" against "attacker" on ln L of the history and the dot
 * product of the vectors (stacked generalisation, Wolpert 1992), on events that neither has seen.
 *
 *   ln odds = intercept + history · ln L + neural · dot product
 *
 * So −ln odds is in nats, and 0 where honest and attacker are equally likely if both are equally frequent.
 */
export interface Stacking {
  intercept: number;
  history: number;
  neural: number;
}

/** Events of one class, those of the accounts of this rank, by shard. N events, V shards. */
export interface StackedEvents {
  /** how many accounts the events of all ranks are of */
  accounts: number;
  /** where each shard begins, and where the last one ends; undefined: all are in one */
  starts?: Uint32Array; // (V + 1)
  logRatio: Float64Array; // (N)
  dotProduct: Float32Array; // (N)
  /** sums to 1 over all ranks */
  weight: Float64Array; // (N)
}

/**
 * What is believed before any event, with the weight of so many accounts: tiny data, which can be told apart without an
 * error, would have no bound. The values are between those of the data sets tried (docs/decisions/0006).
 */
const PRIOR: Stacking = { intercept: 0, history: 0.7, neural: 0.3 };
const PRIOR_ACCOUNTS = 5;
/** The least that the history counts: its order holds, whatever its size. */
const LEAST_HISTORY = 0.01;
const ITERATIONS = 50;
/** A step that must be shorter than this to make the loss fall has nothing left to gain. */
const LEAST_SCALE = 2 ** -30;

/**
 * Newton's method from the prior, each step halved until the loss falls: where the prior is too sure of itself, whole
 * steps would swing ever wider. A part that would count negatively is left out: then it knows nothing.
 */
export function fitStacking(
  honest: StackedEvents,
  attacks: StackedEvents,
  shards: AccountShards = ONE_SHARD,
): Stacking {
  const ridge = PRIOR_ACCOUNTS / Math.max(1, honest.accounts);
  if (honest.accounts === 0 || attacks.accounts === 0) return PRIOR;
  const fit = newton(honest, attacks, shards, ridge, 3);
  if (fit.neural >= 0) return { ...fit, history: Math.max(LEAST_HISTORY, fit.history) };
  const alone = newton(honest, attacks, shards, ridge, 2);
  return { ...alone, history: Math.max(LEAST_HISTORY, alone.history) };
}

/** @param P 3, or 2 to leave out the dot product */
function newton(
  honest: StackedEvents,
  attacks: StackedEvents,
  shards: AccountShards,
  ridge: number,
  P: 2 | 3,
): Stacking {
  const prior = [PRIOR.intercept, PRIOR.history, P === 3 ? PRIOR.neural : 0];
  const lossAt = (at: number[]) => {
    const [loss] = shards.sum(1, (shard, into) => {
      into[0] = lossOf(honest, shard, 1, at) + lossOf(attacks, shard, -1, at);
    });
    return at.reduce((sum, value, p) => sum + (ridge / 2) * (value - prior[p]) ** 2, 0) + loss;
  };
  const theta = prior.slice();
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const slopes = shards.sum(12, (shard, into) => {
      addSlopes(honest, shard, 1, theta, P, into);
      addSlopes(attacks, shard, 0, theta, P, into);
    });
    const gradient = theta.map((value, p) => slopes[p] + ridge * (value - prior[p]));
    const hessian = Array.from(slopes.subarray(3), (value, at) => value + (at % 4 === 0 ? ridge : 0));
    const step = solve(hessian, gradient, P);
    const moved = (scale: number) => theta.map((value, p) => (p < P ? value - scale * step[p] : value));
    const before = lossAt(theta);
    let scale = 1;
    while (scale > LEAST_SCALE && lossAt(moved(scale)) > before) scale /= 2;
    // Not even a tiny step makes it fall: rounding is all that is left.
    if (scale <= LEAST_SCALE) break;
    const largest = Math.max(...step.slice(0, P).map((value) => Math.abs(scale * value)));
    theta.splice(0, 3, ...moved(scale));
    if (largest < 1e-10) break;
  }
  return { intercept: theta[0], history: theta[1], neural: theta[2] };
}

const firstOf = ({ starts }: StackedEvents, shard: number) => starts?.[shard] ?? 0;
const endOf = ({ starts, logRatio }: StackedEvents, shard: number) => starts?.[shard + 1] ?? logRatio.length;

/** The loss of one class in nats, weighted: the part of a shard. @param sign 1 for honest, −1 for attackers */
function lossOf(events: StackedEvents, shard: number, sign: number, theta: number[]): number {
  const { logRatio, dotProduct, weight } = events;
  const end = endOf(events, shard);
  let sum = 0;
  for (let i = firstOf(events, shard); i < end; i++) {
    const odds = sign * (theta[0] + theta[1] * logRatio[i] + theta[2] * dotProduct[i]);
    // ln(1 + e^−odds), without an overflow.
    sum += weight[i] * (Math.max(0, -odds) + Math.log1p(Math.exp(-Math.abs(odds))));
  }
  return sum;
}

/** Adds a shard's part of the gradient and of the Hessian, one after the other. @param into f64[3 + 9] */
function addSlopes(
  events: StackedEvents,
  shard: number,
  label: number,
  theta: number[],
  P: number,
  into: Float64Array,
): void {
  const { logRatio, dotProduct, weight } = events;
  const x = [1, 0, 0];
  const end = endOf(events, shard);
  for (let i = firstOf(events, shard); i < end; i++) {
    x[1] = logRatio[i];
    x[2] = dotProduct[i];
    const odds = theta[0] + theta[1] * x[1] + theta[2] * x[2];
    const honest = 1 / (1 + Math.exp(-odds));
    const slope = weight[i] * (honest - label);
    const curve = weight[i] * honest * (1 - honest);
    for (let p = 0; p < P; p++) {
      into[p] += slope * x[p];
      for (let r = 0; r < P; r++) into[3 + p * 3 + r] += curve * x[p] * x[r];
    }
  }
}

/** Solves a symmetric positive definite system of P ≤ 3 equations (elimination; the ridge keeps pivots above zero). */
function solve(matrix: number[], right: number[], P: number): number[] {
  const a = matrix.slice();
  const b = right.slice();
  for (let p = 0; p < P; p++) {
    for (let r = p + 1; r < P; r++) {
      const factor = a[r * 3 + p] / a[p * 3 + p];
      for (let c = p; c < P; c++) a[r * 3 + c] -= factor * a[p * 3 + c];
      b[r] -= factor * b[p];
    }
  }
  for (let p = P - 1; p >= 0; p--) {
    for (let c = p + 1; c < P; c++) b[p] -= a[p * 3 + c] * b[c];
    b[p] /= a[p * 3 + p];
  }
  return b;
}
