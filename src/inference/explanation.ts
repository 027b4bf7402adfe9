import type { Explanation } from '../model/explanation.ts';

/** A score taken apart, under the names that it has outside: those of the lines of `score`. */
export function explanationObject(explanation: Explanation) {
  const {
    entity,
    address,
    dotProduct,
    anomaly,
    pValue,
    verdict,
    threshold,
    steps,
    logRatio,
    terms,
    reasons,
  } = explanation;
  return {
    entity,
    address,
    dot_product: dotProduct,
    anomaly,
    p_value: pValue,
    verdict,
    threshold,
    log_ratio: logRatio,
    terms,
    ladder: steps.map(({ network, ownPlaces, ownShare, background, ratio, weight, share }) => ({
      network,
      own_places: ownPlaces,
      own_share: ownShare,
      background,
      ratio,
      weight,
      share,
    })),
    reasons,
  };
}
