import { type AddressWords, IPV4_WORD_2, isIpv4 } from '../addresses/address.ts';
import { hashModulo } from '../events/entityHash.ts';
import type { Events } from '../events/events.ts';
import { randomIpv6 } from '../neural/batchMaker.ts';
import type { PrefixTable } from '../neural/prefixes.ts';
import type { Training } from '../neural/train.ts';
import { TrainingScores } from '../neural/trainingScores.ts';
import { PURPOSE, philox } from '../random/philox.ts';
import { areaUnderCurve, type RankedScores, rankScores } from '../ranking/roc.ts';

/** Ranks the same honest events and attacks again and again, by the vectors of a training between two mini-batches. */
export class PairRanking {
  readonly #honest: number;
  readonly #scores: TrainingScores;

  /** Both need at least one event. */
  constructor(training: Training, honest: Events, attacks: Events) {
    const { numEntityVectors } = training.state.hyperparameters;
    const { prefixes } = training;
    const count = honest.count + attacks.count;
    // First the honest events, then the attacks.
    const entityRows = new Uint32Array(count);
    const networkRows = new Uint32Array(count);
    let next = 0;
    for (const { count: events, entities, entity, addresses } of [honest, attacks]) {
      for (let i = 0; i < events; i++, next++) {
        const [low, high] = entities.hashOf(entity[i]);
        entityRows[next] = hashModulo(low, high, numEntityVectors);
        networkRows[next] = prefixes.find(addresses, i);
      }
    }
    this.#honest = honest.count;
    this.#scores = new TrainingScores(training, entityRows, networkRows);
  }

  /** By minus the dot product of what was learned so far. */
  rank(): RankedScores {
    const anomalies = this.#scores.dotProducts().map((dotProduct) => -dotProduct);
    return rankScores(anomalies.subarray(0, this.#honest), anomalies.subarray(this.#honest));
  }
}

/**
 * AWS's `discriminator_auc`: how well the dot product tells validation records from one random address each (the
 * same random ones after every epoch; no shuffled ones).
 */
export class Discriminator {
  readonly #ranking: PairRanking;

  constructor(training: Training, validation: Events) {
    const drawn = drawDiscriminated(validation, training.prefixes, training.state.seed);
    this.#ranking = new PairRanking(training, validation, drawn);
  }

  /** The figure for what was learned so far; 1 = tells all, 0.5 = tells nothing. */
  areaUnderCurve(): number {
    return areaUnderCurve(this.#ranking.rank());
  }
}

/**
 * The random addresses of `discriminator_auc`: one for each record, each octet uniform; IPv6 as in training.
 * @param numberOf each record's number among all, which what is drawn for it depends on
 */
export function drawDiscriminated(
  validation: Events,
  prefixes: PrefixTable,
  seed: number,
  numberOf: (i: number) => number = (i) => i,
): Events {
  const { count, addresses } = validation;
  const drawn = new Uint32Array(count * 4);
  const [low, high] = [seed >>> 0, Math.floor(seed / 2 ** 32)];
  for (let i = 0; i < count; i++) {
    philox(numberOf(i), PURPOSE.validationNegatives, 0, 0, low, high, block);
    drawn.set(randomAddress(isIpv4(addresses, i), prefixes), i * 4);
  }
  return { ...validation, addresses: drawn };
}

const block = new Uint32Array(4);

/** Each octet uniform, as AWS draws IPv4; IPv6 as in training. Of the words in the block. */
function randomAddress(ipv4: boolean, prefixes: PrefixTable): AddressWords {
  if (!ipv4) return randomIpv6(block, prefixes);
  block[0] = block[1] = 0;
  block[2] = IPV4_WORD_2;
  return block;
}
