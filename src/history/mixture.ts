import type { AccountWeights } from './accountWeights.ts';
import type { LadderView } from './history.ts';
import { PLACE_RUNG } from './rungs.ts';

/**
 * The history's likelihood ratio: "this account's own behaviour" against "an attacker", for a place that the account
 * has not used (X experts, weights λ that sum to 1) and for one that it has:
 *
 *   L = (1 − ρ) · Σ_x λ_x r_x  +  ρ · r_place
 *
 *   r_0 = 1 / a             anywhere in the address space
 *   r_1 = q / a             where everybody goes
 *   r_k = (c_k / n) / b_k · q / a     the account's own networks, k from wide to narrow, then providers
 *
 * with c_k / n the account's share in the network, b_k the others' share mixed with its share of the address space
 * (.85 : .15), q how much more likely the others are to be at this place than a uniform address (a density, itself a
 * mixture over the rungs), every account weighing the same, t the same with every place weighing the same, as in traffic,
 * and a = .45 q + .45 t + .1 an attacker's: nine in ten sit where others sit, one is anywhere. With provider tables a is
 * multiplied by 1 + .1 Σ (c_k / n / b_k − 1) over them: one attacker in ten comes by the account's own provider. ρ is the
 * share of repeats among later events; r_place = c_place / n / b_place, over that factor. Why so: docs/decisions/0006.
 */
export interface MixtureWeights {
  /** of q: uniform, then each rung but the place, then providers; sums to 1 */
  background: Float64Array; // (X − 1)
  /** ρ */
  repeatShare: number;
  /** λ by the number of the account's places, see BUCKETS */
  buckets: Float64Array[]; // 5 × (X)
  /** λ of accounts that later events say more about */
  accounts: AccountWeights;
}

/** λ depends on the number of places of the account: 1–3, 4–10, 11–30, 31–100, more. */
export const BUCKETS = [3, 10, 30, 100, Number.POSITIVE_INFINITY] as const;

export function bucketOf(places: number): number {
  let bucket = 0;
  while (places > BUCKETS[bucket]) bucket++;
  return bucket;
}

/** The share of attackers that sit where everybody sits. */
export const ATTACKERS_AMONG_OTHERS = 0.9;
/**
 * The share of attackers that come by the account's own provider, and by its country, where tables tell them: they know
 * their victim. So a table never says more than 10 to 1 for an account. Measured: docs/decisions/0006.
 */
export const ATTACKERS_AT_PROVIDER = 0.1;
/** How much the others' share counts in b_k, against the address space. */
const OTHERS_SHARE = 0.85;

/** X: anywhere, everybody, each rung but the place, providers. */
export const expertCount = (rungs: number): number => rungs + 1;
/** Where the rung of each expert stands in a view: experts 2, 3, … */
export const rungOfExpert = (expert: number): number => (expert - 2 < PLACE_RUNG ? expert - 2 : expert - 1);

/** What is counted of everybody, for a view to be compared with. */
export interface Everybody {
  /** accounts that shares are the mean of */
  accounts: number;
  /** the weight of all places */
  total: number;
}

/**
 * What the others have of each rung's network: everybody's part without the account's own, so that an account is not
 * explained by itself. What it has observed since is in nobody's part, and so not taken out either.
 */
class Others {
  #all = 0;
  #own = 0;
  #allTraffic = 0;

  /** For the account of a view. */
  begin({ countedTotal }: LadderView, { accounts, total }: Everybody): void {
    // An account that is alone has no others.
    const isAlone = countedTotal > 0 && accounts < 2;
    const others = countedTotal > 0 ? accounts - 1 : accounts;
    this.#all = isAlone || accounts === 0 ? 0 : accounts / others;
    this.#own = isAlone || countedTotal === 0 ? 0 : 1 / (countedTotal * others);
    const rest = total - countedTotal;
    this.#allTraffic = rest > 0 ? 1 / rest : 0;
  }

  /** The mean over the others of their share in a rung's network. */
  share(view: LadderView, rung: number): number {
    return withoutRounding(view.shares[rung] * this.#all - view.counted[rung] * this.#own);
  }

  /** The share of all the others' places that lie in a rung's network. */
  traffic(view: LadderView, rung: number): number {
    return withoutRounding((view.weights[rung] - view.counted[rung]) * this.#allTraffic);
  }
}
const others = new Others();

/** The mean over the other accounts of their share in a rung's network. */
export function shareOfOthers(view: LadderView, everybody: Everybody, rung: number): number {
  others.begin(view, everybody);
  return others.share(view, rung);
}

/**
 * How often an account that changes its place goes somewhere that nothing narrower than the family connects with its
 * past: λ of anywhere, of where everybody goes, and of the family's own rung.
 */
export const elsewhereOf = (lambda: Float64Array): number => lambda[0] + lambda[1] + lambda[2];

/** Below what rounding leaves of a difference of equal numbers there is nothing. */
const withoutRounding = (share: number) => (share < 1e-12 ? 0 : share);

/** How many times denser the others lie in each rung's network than a uniform address: the terms of q. */
export function densities(view: LadderView, everybody: Everybody, out: Float64Array): void {
  const X = expertCount(view.own.length);
  others.begin(view, everybody);
  out[0] = 1;
  for (let x = 2; x < X; x++) {
    const rung = rungOfExpert(x);
    const space = view.space[rung];
    out[x - 1] = space > 0 ? others.share(view, rung) / space : 0;
  }
}

/**
 * The experts' ratios.
 * @param background of MixtureWeights
 * @param out        f64[X], overwritten
 * @returns r_place
 */
export function experts(
  view: LadderView,
  everybody: Everybody,
  background: Float64Array,
  out: Float64Array,
): number {
  const { own, total, space } = view;
  const X = expertCount(own.length);
  others.begin(view, everybody);
  let q = background[0];
  let t = background[0];
  for (let x = 2; x < X; x++) {
    const rung = rungOfExpert(x);
    const share = others.share(view, rung);
    if (space[rung] > 0) {
      const scale = background[x - 1] / space[rung];
      q += scale * share;
      t += scale * others.traffic(view, rung);
    }
    out[x] = own[rung] > 0 ? own[rung] / (total * backgroundOf(share, space[rung])) : 0;
  }
  const near = total > 0 ? attackersNear(out) : 1;
  const attackers = near * ((ATTACKERS_AMONG_OTHERS * (q + t)) / 2 + (1 - ATTACKERS_AMONG_OTHERS));
  out[0] = 1 / attackers;
  out[1] = q / attackers;
  for (let x = 2; x < X; x++) out[x] *= out[1];
  if (own[PLACE_RUNG] === 0) return 0;
  return own[PLACE_RUNG] / (near * total * backgroundOf(others.share(view, PLACE_RUNG), space[PLACE_RUNG]));
}

/** How many times denser attackers are here because some go where the account is: of each table a tenth, times r. */
function attackersNear(ratios: Float64Array): number {
  let near = 1;
  for (let x = 2; x < ratios.length; x++) {
    if (rungOfExpert(x) > PLACE_RUNG) near += ATTACKERS_AT_PROVIDER * (ratios[x] - 1);
  }
  return near;
}

/** b_k */
const backgroundOf = (share: number, space: number) => OTHERS_SHARE * share + (1 - OTHERS_SHARE) * space;

/**
 * The weights of an account's experts. An account without a history has one expert: where everybody goes.
 * @param scratch f64[X]
 */
export function weightsOf(
  { accounts, buckets }: MixtureWeights,
  entity: number,
  places: number,
  scratch: Float64Array,
): Float64Array {
  if (places === 0) {
    scratch.fill(0);
    scratch[1] = 1;
    return scratch;
  }
  return accounts.read(entity, scratch) ? scratch : buckets[bucketOf(places)];
}

/**
 * ln L; low = strange.
 * @param places     of the account; one without any cannot repeat one
 * @param lambda     f64[X]
 * @param ratios     f64[X], of `experts`
 * @param placeRatio of `experts`
 */
export function logRatio(
  { repeatShare }: MixtureWeights,
  places: number,
  lambda: Float64Array,
  ratios: Float64Array,
  placeRatio: number,
): number {
  let sum = 0;
  for (let x = 0; x < ratios.length; x++) sum += lambda[x] * ratios[x];
  return Math.log(places === 0 ? sum : (1 - repeatShare) * sum + repeatShare * placeRatio);
}
