import { copyWithCard } from './copyWithCard.ts';
import type { ModelThreshold } from './modelCard.ts';
import { MODEL_FILE } from './modelFileKind.ts';
import type { Source } from './source.ts';

/**
 * Copies a model file with another threshold; nothing else changes.
 * @returns as `copyWithCard`
 */
export function copyWithThreshold(
  source: Source,
  name: string,
  threshold: ModelThreshold | null,
  write: (bytes: Uint8Array) => void,
): Generator<void, Uint8Array> {
  return copyWithCard(MODEL_FILE, source, name, (card) => ({ ...card, threshold }), write);
}
