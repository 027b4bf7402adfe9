import { type AddressWords, IPV4_WORD_2, isIpv4 } from '../addresses/address.ts';
import { hashModulo } from '../events/entityHash.ts';
import type { Events } from '../events/events.ts';
import { randomIpv6 } from '../neural/miniBatch.ts';
import type { PrefixTable } from '../neural/prefixes.ts';
import type { Training } from '../neural/train.ts';
import { TrainingScores } from '../neural/trainingScores.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { areaUnderCurve, rankScores } from '../ranking/roc.ts';

/**
 * AWS's `discriminator_auc`: how well the dot product tells validation records from one random address each (the
 * same random ones after every epoch; no shuffled ones).
 */
export class Discriminator {
  readonly #count: number;
  readonly #scores: TrainingScores;

  constructor(training: Training, validation: Events) {
    const { count, entities, entity, addresses } = validation;
    const { seed, hyperparameters } = training.state;
    const { prefixes } = training;
    const random = new RandomStream(seed, PURPOSE.validationNegatives);
    // First the records, then the random addresses.
    const entityRows = new Uint32Array(count * 2);
    const networkRows = new Uint32Array(count * 2);
    for (let i = 0; i < count; i++) {
      const [low, high] = entities.hashOf(entity[i]);
      entityRows[i] = hashModulo(low, high, hyperparameters.numEntityVectors);
      entityRows[count + i] = entityRows[i];
      networkRows[i] = prefixes.find(addresses, i);
      networkRows[count + i] = prefixes.find(randomAddress(isIpv4(addresses, i), random, prefixes));
    }
    this.#count = count;
    this.#scores = new TrainingScores(training, entityRows, networkRows);
  }

  /** The figure for what was learned so far; 1 = tells all, 0.5 = tells nothing. */
  areaUnderCurve(): number {
    const anomalies = this.#scores.dotProducts().map((dotProduct) => -dotProduct);
    return areaUnderCurve(rankScores(anomalies.subarray(0, this.#count), anomalies.subarray(this.#count)));
  }
}

const block = new Uint32Array(4);

/** Each octet uniform, as AWS draws IPv4; IPv6 as in training. */
function randomAddress(ipv4: boolean, random: RandomStream, prefixes: PrefixTable): AddressWords {
  for (let word = 0; word < 4; word++) block[word] = random.u32();
  if (!ipv4) return randomIpv6(block, prefixes);
  block[0] = block[1] = 0;
  block[2] = IPV4_WORD_2;
  return block;
}
