import { counted } from '../errors.ts';
import type { ModelThreshold, Quantization } from '../model/modelCard.ts';

/** What vectors in 8 bits cost: `AUC on later events .98712, with floats .98714; an anomaly moves by …`. */
export function quantizationText({
  auc,
  aucOfFloats,
  meanDifference,
  largestDifference,
}: Quantization): string {
  if (auc === null) return 'what that costs is not known: no later event is from a new place';
  return `AUC on later events ${auc.toFixed(5)}, with floats ${aucOfFloats!.toFixed(5)}; an anomaly moves by ${meanDifference!.toFixed(4)} nats on average, ${largestDifference!.toFixed(3)} at most`;
}

/** What a threshold was asked to do, and what it does: `at most 1 % of honest events, 0.98 % of the later ones`. */
export function thresholdRuleText({ rule, limit, falsePositiveRate }: ModelThreshold): string {
  const asked =
    rule === 'manual' || limit === null
      ? 'set by hand'
      : rule === 'max_fpr'
        ? `at most ${limit * 100} % of honest events`
        : `at most ${counted(limit, 'alert')} a day`;
  if (falsePositiveRate === null) return `${asked}, no later honest events to tell what it flags`;
  const flags = `${(100 * falsePositiveRate).toFixed(2)} % of the later ones`;
  return rule === 'manual'
    ? `${asked}, flags ${flags.replace('ones', 'honest events')}`
    : `${asked}, ${flags}`;
}
