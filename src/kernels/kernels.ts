/**
 * The arithmetic of training and scoring, apart from what decides which rows meet. Every implementation gives
 * the results of the plain one (`plain.ts`, the definition) within rounding, and is held to it by
 * `conformance.ts`. Each function works on a range, so that threads can share a call, and adds in an order that
 * its inputs alone decide, so that the result does not depend on how the work was shared.
 *
 * Dimensions: B positives of a mini-batch, K pairs for each, A networks (distinct deepest rows of its addresses),
 * T terms, C chunks of terms, D vector, U distinct entity rows.
 */

/** f32 in use; f64 where gradients are checked against finite differences. */
export type Floats = Float32Array | Float64Array;

/** Vectors in 8 bits: component d of row r is codes[r · D + d] · scales[r]. */
export interface ByteVectors {
  /** from −127 to 127 */
  codes: Int8Array; // (rows, D)
  scales: Float32Array; // (rows)
}

/** A list of lists: members of list i are members[starts[i]] … members[starts[i + 1] − 1]. */
export interface Lists {
  starts: Uint32Array; // (count + 1)
  members: Uint32Array;
}

/** Rows that learn: vectors, and the state of the optimiser beside them. */
export interface Rows {
  vectors: Floats; // (rows, D)
  /** second moment */
  moment: Floats; // (rows)
  /** steps so far */
  steps: Uint32Array; // (rows)
}

/** Who meets whom in a mini-batch: pair (b, k) joins positive b with a network; k = 0 is the observed one. */
export interface Pairs {
  /** K: first the observed pair (label 1), then the drawn ones (label 0) */
  perPositive: number;
  /** row of each positive's entity among those of the batch */
  entity: Uint32Array; // (B)
  /** which encoded network */
  network: Uint32Array; // (B, K)
}

/** The longest chain of rows, from an address's deepest to the root. */
export const MAX_CHAIN = 16;
/** No row: beyond the root of a tree, or an address without any. */
export const NO_ROW = 0xffffffff;

/**
 * What a mini-batch asks of the address rows: Σ coefficient · vector of all terms below a row is its gradient. Terms
 * are sorted by their deepest row, and rows are numbered with every row right before what lies below it, so that
 * the terms below any row stand side by side.
 */
export interface Terms {
  count: number; // T
  /** C chunks, none of which is empty or longer than CHUNK_TERMS; chunk c has the terms [chunkStarts[c], chunkStarts[c + 1]) */
  chunks: number;
  chunkStarts: Uint32Array; // (C + 1)
  /** rows on the way down to the first term of each chunk that may have terms in chunks before */
  before: Uint32Array; // (C)
  /** rows on the way down to the last term of each chunk that may have terms in chunks after */
  after: Uint32Array; // (C)
  /** deepest row */
  row: Uint32Array; // (T)
  /** rows of its chain: 1 for a root */
  depth: Uint32Array; // (T)
  /** rows that its chain shares with that of the next term; 0 for the last */
  shared: Uint32Array; // (T)
  /** number of its network, from 0 in steps of 0 or 1 */
  network: Uint32Array; // (T)
  /** where its coefficient stands */
  coefficient: Uint32Array; // (T)
  /** which vector */
  vector: Uint32Array; // (T)
}

/** Terms of a chunk, at most. Sums are made within a chunk and then over the chunks, in an order that does not depend on who computes them. */
export const CHUNK_TERMS = 128;

/** Rows that may have terms in several chunks: what each chunk has of them is put aside, then added in order. */
export interface Spanning {
  count: number;
  row: Uint32Array;
  depth: Uint32Array;
  /** place of its sum in its first chunk: 2 · chunk, or one more where it does not lie within `before` of the chunk */
  first: Uint32Array;
  lastChunk: Uint32Array;
}

/** Sums that are put aside: in each chunk one for each depth of rows within `before`, then one for those within `after` alone. */
export type Partials = Floats; // (C, 2, MAX_CHAIN, D)

/** What `trainChains` leaves behind. */
export interface ChainResults {
  /** of the networks whose first term is in the chunks */
  encoded: Floats; // (A, D)
  error: Floats; // (B, K)
  /** Σ over the pairs of a chunk */
  lossNats: Float64Array; // (C)
  /** pairs of a chunk on the right side of 0 */
  correct: Uint32Array; // (C)
  partials: Partials;
}

/**
 * Σ coefficient · vector for each of some lists, added as a fixed binary tree over shards has it: members of one shard one after the
 * other, then neighbouring shards in pairs, pairs of pairs and so on, whichever of them have members. So whoever has the shards
 * of a subtree can add them up, and the whole has the same bits.
 */
export interface TreeSums {
  /** list i has the members [starts[i], starts[i + 1]), ascending by shard; the sum of none is 0 */
  starts: Uint32Array; // (lists + 1)
  /** where the coefficient of a member stands, and in `vectorOf` the number of its vector */
  members: Uint32Array;
  /** how far up the tree a member meets the next one of its list: 0 in its own shard, else the bits of (shard XOR next shard) */
  joins: Uint32Array;
}

/** More subtrees than this do not wait to be added at once: 2^14 shards at most. */
export const MAX_SUBTREES = 16;

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
  readonly name: 'plain' | 'WebAssembly';

  /**
   * Random words: for sample i of [0, count) the blocks 0 … blocks − 1 of four words that belong to (seed, epoch, purpose,
   * firstSample + i), as `philox` in random/philox.ts makes them of the counter (sample, 16 · block + purpose, epoch, 0).
   * @param seed u32[2] low and high word
   * @param out  u32[count × blocks × 4], overwritten
   */
  randomWords(
    firstSample: number,
    purpose: number,
    epoch: number,
    seed: readonly [low: number, high: number],
    blocks: number,
    out: Uint32Array,
    count: number,
  ): void;

  /** Copies rows with their state: row i of `to` = row rows[i] of `table`, for i in [from, until). */
  gatherRows(table: Rows, dimension: number, rows: Uint32Array, to: Rows, from: number, until: number): void;

  /** And back: row rows[i] of `to` = row i of `table`. Rows must differ. */
  scatterRows(table: Rows, dimension: number, rows: Uint32Array, to: Rows, from: number, until: number): void;

  /**
   * Encoder input: out[network] = Σ table[row] over the chain of rows from the network's deepest row up, for the
   * networks whose first term is in one of the chunks [fromChunk, toChunk).
   * @param table   f32[rows × D]
   * @param parents u32[rows], NO_ROW at a root
   * @param out     f32[A × D]
   */
  encodeChains(
    table: Floats,
    dimension: number,
    parents: Uint32Array,
    terms: Terms,
    out: Floats,
    fromChunk: number,
    toChunk: number,
  ): void;

  /**
   * Errors of the pairs of networks [from, to): error[b, k] = sigmoid(e · v) − label.
   * @param entities  f32[U × D]
   * @param pairsOf   the pairs of each network
   * @param encoded   f32[A × D]
   * @param error     f32[B × K], those of the networks' pairs are overwritten
   * @param lossNats  f64[A], overwritten: Σ over the pairs of a network
   * @param correct   u32[A], overwritten: pairs on the right side of 0
   * Binary cross entropy with negative sampling: Mikolov et al., NIPS 2013, eq. 4.
   */
  pairErrors(
    entities: Floats,
    dimension: number,
    pairs: Pairs,
    pairsOf: Lists,
    encoded: Floats,
    error: Floats,
    lossNats: Float64Array,
    correct: Uint32Array,
    from: number,
    to: number,
  ): void;

  /**
   * Σ coefficient · vector for lists: out[i] = Σ coefficients[m] · vectors[vectorOf[⌊m / membersPerVector⌋]] over the
   * members m of list i. With the errors of pairs: the gradient of each encoded network.
   * @param out f32[· × D], lists [from, to) are overwritten
   */
  weightedSums(
    vectors: Floats,
    dimension: number,
    vectorOf: Uint32Array,
    membersPerVector: number,
    coefficients: Floats,
    lists: Lists,
    out: Floats,
    from: number,
    to: number,
  ): void;

  /**
   * One optimiser step (see `updateRows`) for each address row whose terms can only lie in one of the chunks
   * [fromChunk, toChunk); for the others, the chunk's part of their gradient goes to `partials`.
   * @param rows     changed
   * @param parents  u32[rows]
   * @param vectors  f32[· × D]
   * @param partials overwritten for rows that may pass the border of a chunk
   */
  updateChains(
    rows: Rows,
    dimension: number,
    parents: Uint32Array,
    terms: Terms,
    coefficients: Floats,
    vectors: Floats,
    step: Step,
    partials: Partials,
    fromChunk: number,
    toChunk: number,
  ): void;

  /**
   * For terms that are pairs: encodes the networks of the chunks as `encodeChains` does, finds the errors of their pairs
   * as `pairErrors` does, and updates their rows as `updateChains` does, chunk by chunk. A row that has terms in one chunk
   * only is changed when no other term needs it any more; so all three see the rows as they were.
   * @param rows     changed
   * @param entities f32[U × D]
   */
  trainChains(
    rows: Rows,
    dimension: number,
    parents: Uint32Array,
    terms: Terms,
    perPositive: number,
    entities: Floats,
    out: ChainResults,
    step: Step,
    fromChunk: number,
    toChunk: number,
  ): void;

  /** One optimiser step for the spanning rows [from, to): their gradient is the sum of what `updateChains` put aside. */
  updateSpanning(
    rows: Rows,
    dimension: number,
    spanning: Spanning,
    partials: Partials,
    step: Step,
    from: number,
    to: number,
  ): void;

  /**
   * One optimiser step for each row in [from, to): its gradient is Σ gradients[member] over its list.
   * Row-wise Adam without momentum: one second moment for a row (mean of squares over its D gradients), decayed
   * and bias-corrected by the row's own number of steps, as rows are touched at very different rates. From the row's
   * FULL_STEPS-th step t on, its steps shrink with sqrt(FULL_STEPS / t).
   * @param gradients f32[members × D]
   */
  updateRows(
    rows: Rows,
    dimension: number,
    membersOf: Lists,
    gradients: Floats,
    step: Step,
    from: number,
    to: number,
  ): void;

  /**
   * The same, each row's gradient being a sum as `TreeSums` says.
   * @param vectorOf     number of each member's vector
   * @param vectors      f32[· × D]
   * @param coefficients of members
   */
  updateBySums(
    rows: Rows,
    dimension: number,
    sums: TreeSums,
    vectorOf: Uint32Array,
    vectors: Floats,
    coefficients: Floats,
    step: Step,
    from: number,
    to: number,
  ): void;

  /** Those sums themselves. @param out f32[lists × D], lists [from, to) are overwritten */
  addUp(
    dimension: number,
    sums: TreeSums,
    vectorOf: Uint32Array,
    vectors: Floats,
    coefficients: Floats,
    out: Floats,
    from: number,
    to: number,
  ): void;

  /**
   * A fully connected layer with a residual path: out = in + max(0, W·in + bias).
   * @param weights f32[(D + 1) × D]: row i < D holds W[i, ·], row D the bias
   * @param out     f32[A × D] as the input; rows [from, to) are overwritten
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
   * Backward through `denseForward` to its input: dInput = dOut + Wᵀ·δ, δ = dOut where W·in + bias > 0.
   * @param dInput f32[A × D], rows [from, to) are overwritten
   */
  denseInputGradients(
    weights: Floats,
    dimension: number,
    input: Floats,
    out: Floats,
    dOut: Floats,
    dInput: Floats,
    from: number,
    to: number,
  ): void;

  /**
   * Backward through `denseForward` to its weights, for outputs [from, to): row i of dWeights is Σ δ[i] · in over
   * the networks [first, end), its bias Σ δ[i].
   * @param dWeights f32[(D + 1) × D], rows [from, to) and their biases are overwritten
   */
  denseWeightGradients(
    dimension: number,
    input: Floats,
    out: Floats,
    dOut: Floats,
    first: number,
    end: number,
    dWeights: Floats,
    from: number,
    to: number,
  ): void;

  /**
   * Scores: out[i] = a[rowOfA[i]] · b[rowOfB[i]]; 0 where rowOfB[i] is NO_ROW. The same bits from every implementation.
   * @param out f32[N], elements [from, to) are overwritten
   */
  dotProducts(
    a: Floats,
    rowOfA: Uint32Array,
    b: Floats,
    rowOfB: Uint32Array,
    dimension: number,
    out: Float32Array,
    from: number,
    to: number,
  ): void;

  /** The same of vectors in 8 bits. Products are summed as integers, so only the last step rounds. */
  byteDotProducts(
    a: ByteVectors,
    rowOfA: Uint32Array,
    b: ByteVectors,
    rowOfB: Uint32Array,
    dimension: number,
    out: Float32Array,
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
