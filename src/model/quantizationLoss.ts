import { gatheredAtFirst, told } from '../history/rankColumns.ts';
import type { StackedEvents, Stacking } from '../history/stacking.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { areaUnderCurve, rankScores } from '../ranking/roc.ts';
import type { Quantization } from './modelCard.ts';

/** Events of one class, with the dot products of vectors that were still floats. N events. */
export interface ExactEvents extends StackedEvents {
  exactDotProduct: Float32Array; // (N)
}

/**
 * What it changes that dot products are those of vectors in 8 bits, for the events of all ranks.
 * @param honest of this rank, by shard
 */
export function quantizationLoss(
  honest: ExactEvents,
  attacks: ExactEvents,
  { history, neural }: Stacking,
  ranks: Ranks,
): Quantization {
  // Rank 0 sees the anomalies of all ranks, and says what came of them.
  const anomalies = ({ logRatio }: ExactEvents, dots: Float32Array) =>
    gatheredAtFirst(
      ranks,
      Float64Array,
      logRatio.map((ratio, i) => -(history * ratio + neural * dots[i])),
    );
  const all: Anomalies = {
    inBytes: anomalies(honest, honest.dotProduct),
    inFloats: anomalies(honest, honest.exactDotProduct),
    attacksInBytes: anomalies(attacks, attacks.dotProduct),
    attacksInFloats: anomalies(attacks, attacks.exactDotProduct),
  };
  const loss = ranks.rank === 0 ? new TextEncoder().encode(JSON.stringify(lossOf(all))) : undefined;
  return JSON.parse(new TextDecoder().decode(told(ranks, Uint8Array, loss)));
}

/** N honest events, K attackers. */
interface Anomalies {
  inBytes: Float64Array; // (N)
  inFloats: Float64Array; // (N)
  attacksInBytes: Float64Array; // (K)
  attacksInFloats: Float64Array; // (K)
}

function lossOf({ inBytes, inFloats, attacksInBytes, attacksInFloats }: Anomalies): Quantization {
  if (inBytes.length === 0 || attacksInBytes.length === 0) {
    return { bits: 8, auc: null, aucOfFloats: null, meanDifference: null, largestDifference: null };
  }
  const differences = inBytes.map((anomaly, i) => Math.abs(anomaly - inFloats[i]));
  return {
    bits: 8,
    auc: areaUnderCurve(rankScores(inBytes, attacksInBytes)),
    aucOfFloats: areaUnderCurve(rankScores(inFloats, attacksInFloats)),
    meanDifference: differences.reduce((sum, one) => sum + one, 0) / differences.length,
    largestDifference: differences.reduce((largest, one) => Math.max(largest, one), 0),
  };
}
