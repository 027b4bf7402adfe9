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

/** What a threshold was asked to do: `at most 1 % of honest events`. */
export const thresholdRuleText = ({ rule, limit }: ModelThreshold): string =>
  rule === 'max_fpr'
    ? `at most ${limit * 100} % of honest events`
    : `at most ${counted(limit, 'alert')} a day`;
