/**
 * The arithmetic of training and scoring, apart from what decides which rows meet. Every implementation gives
 * the results of the plain one (`plain.ts`, the definition) within rounding, and is held to it by
 * `conformance.ts`. Each function works on a range, so that threads can share a call, and adds in the order of
 * its inputs, so that the result does not depend on how the work was shared.
 *
 * Dimensions: B positives of a mini-batch, A its addresses, P its pairs, D vector, U distinct rows.
 */

/** f32 in use; f64 where gradients are checked against finite differences. */
export type Floats = Float32Array | Float64Array;

/** A list of lists: members of list i are members[starts[i]] … members[starts[i + 1] − 1]. */
export interface Lists {
  starts: Uint32Array; // (count + 1)
  members: Uint32Array;
}

/** The pairs of a mini-batch: pair p joins positive `floor(p / pairsPerPositive)` with an address. */
export interface Pairs {
  /** 1 + R + S: first the observed pair (label 1), then the drawn ones (label 0) */
  pairsPerPositive: number;
  /** which of the A addresses each pair has */
  address: Uint32Array; // (P)
}

/** Loss in nats and right answers at threshold 0, summed over pairs. */
export interface PairTotals {
  lossNats: number;
  correct: number;
}

/** How one optimiser step moves a row. */
export interface Step {
  /** size of the step, with schedule applied */
  learningRate: number;
  /** L2: this times the row is added to its gradient */
  weightDecay: number;
  /** factor on the gradients: 1/B, as the loss is the mean over the positives of a mini-batch */
  gradientScale: number;
}

export interface Kernels {
  readonly name: string;

  /**
   * Encoder input: out[i] = Σ table[row] over the rows of list i.
   * @param table f32[rows × D]
   * @param out   f32[A × D], lists [from, to) are overwritten
   */
  sumRows(table: Floats, dimension: number, rowsOf: Lists, out: Floats, from: number, to: number): void;

  /**
   * Errors of the pairs of positives [from, to) and what they ask of both vectors:
   * error = sigmoid(e · v) − label, dEntity[b] = Σ error · v, error[p] = error.
   * @param table   f32[E × D] entity vectors
   * @param rows    u32[B] entity row of each positive
   * @param encoded f32[A × D] encoded addresses
   * @param dEntity f32[B × D], overwritten
   * @param error   f32[P], overwritten
   * Binary cross entropy with negative sampling: Mikolov et al., NIPS 2013, eq. 4.
   */
  pairErrors(
    table: Floats,
    dimension: number,
    rows: Uint32Array,
    encoded: Floats,
    pairs: Pairs,
    dEntity: Floats,
    error: Floats,
    from: number,
    to: number,
  ): PairTotals;

  /**
   * Gradient of the encoded addresses: dEncoded[a] = Σ error[p] · entity vector of p, over the pairs of list a.
   * @param dEncoded f32[A × D], lists [from, to) are overwritten
   */
  encodedGradients(
    table: Floats,
    dimension: number,
    rows: Uint32Array,
    pairs: Pairs,
    pairsOf: Lists,
    error: Floats,
    dEncoded: Floats,
    from: number,
    to: number,
  ): void;

  /**
   * One optimiser step for each distinct row i in [from, to): its gradient is Σ gradients[member] over list i.
   * Row-wise Adam without momentum: one second moment for a row (mean of squares over its D gradients), decayed
   * and bias-corrected by the row's own number of steps, as rows are touched at very different rates. From the row's
   * FULL_STEPS-th step t on, its steps shrink with sqrt(FULL_STEPS / t).
   * @param table     f32[rows × D], the rows named are changed
   * @param moment    f32[rows] second moment, changed
   * @param steps     u32[rows] steps so far, changed
   * @param rows      u32[U] distinct
   * @param gradients f32[members × D]
   */
  updateRows(
    table: Floats,
    dimension: number,
    moment: Floats,
    steps: Uint32Array,
    rows: Uint32Array,
    membersOf: Lists,
    gradients: Floats,
    step: Step,
    from: number,
    to: number,
  ): void;

  /**
   * A fully connected layer with a residual path: out = in + max(0, W·in + bias).
   * @param weights f32[(D + 1) × D]: row i < D holds W[i, ·], row D the bias
   * @param input   f32[A × D]
   * @param out     f32[A × D], rows [from, to) are overwritten
   */
  denseForward(
    weights: Floats,
    dimension: number,
    input: Floats,
    out: Floats,
    from: number,
    to: number,
  ): void;

  /**
   * Backward pass of `denseForward`: dInput = dOut + Wᵀ·δ and dWeights += δ ⊗ in, δ = dOut where W·in + bias > 0.
   * @param dOut     f32[A × D]
   * @param dInput   f32[A × D], rows [from, to) are overwritten
   * @param dWeights f32[(D + 1) × D], added to
   */
  denseBackward(
    weights: Floats,
    dimension: number,
    input: Floats,
    out: Floats,
    dOut: Floats,
    dInput: Floats,
    dWeights: Floats,
    from: number,
    to: number,
  ): void;
}

/** Decay of the second moment: the value of Kingma and Ba, ICLR 2015. */
export const MOMENT_DECAY = 0.999;
/** Keeps a step finite where gradients vanish (same source). */
export const MOMENT_EPSILON = 1e-8;
/**
 * Steps of a row before they shrink with the inverse square root of their number, the schedule under which Adam is
 * proved to converge (same source, theorem 4.1). Without it the rows of wide networks, touched by every mini-batch,
 * never come to rest: AUC against random octets is .9945 with it, .9935 without (docs/decisions/0004).
 */
export const FULL_STEPS = 25;
