import { createHash } from 'node:crypto';
import type { ModelCard } from './modelCard.ts';

/**
 * Tells models of different trainings apart, by what training alone decides: settings, seed, the course of the epochs and all that was
 * fitted, whose digits depend on every event. What may change afterwards has no part in it: a threshold, and events that were
 * observed or that `update` added, so that figures go on to be those of the same model.
 * @returns hex SHA-256
 */
export function trainingIdentity(card: ModelCard): string {
  const { trainedBy, hyperparameters, seed, prefixLengths, history, quantization } = card;
  const { pairs, prefixes } = card.data;
  const { referenceDay: _day, ...mixture } = card.mixture;
  const decided = {
    trainedBy,
    hyperparameters,
    seed,
    prefixLengths,
    history,
    quantization,
    pairs,
    prefixes,
    mixture,
  };
  return createHash('sha256')
    .update(JSON.stringify(decided, (_, value) => ordered(value)))
    .digest('hex');
}

/** A model that was just trained may have its keys in another order than one that was read. */
function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
