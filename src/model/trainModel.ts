import { IPV4_WORD_2, isIpv4 } from '../addresses/address.ts';
import { InputError } from '../errors.ts';
import { hashModulo } from '../events/entityHash.ts';
import type { Events } from '../events/events.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { plainKernels } from '../kernels/plain.ts';
import { completeHyperparameters, type Hyperparameters } from '../neural/hyperparameters.ts';
import { randomIpv6 } from '../neural/miniBatch.ts';
import { Network } from '../neural/network.ts';
import { IPV4_PREFIX_LENGTHS, IPV6_PREFIX_LENGTHS, type PrefixTable } from '../neural/prefixes.ts';
import { type EpochProgress, Trainer } from '../neural/train.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { areaUnderCurve, rankScores } from '../ranking/roc.ts';
import { version } from '../version.ts';
import { type EpochRecord, Model, type ModelCard } from './model.ts';
import { SeenEntities } from './seenEntities.ts';

export interface TrainOptions {
  hyperparameters?: Partial<Hyperparameters>;
  /** integer from 0; fixes every drawn number. Default 1 */
  seed?: number;
  /** later honest events: their `discriminator_auc` is computed after every epoch */
  validation?: Events;
  kernels?: Kernels;
  /** called once the rows are counted, before the first epoch */
  onStart?: (hyperparameters: Hyperparameters, prefixes: number) => void;
  /** called after every mini-batch */
  onBatch?: (progress: EpochProgress) => void;
  onEpoch?: (record: EpochRecord) => void;
  /** stops the training at the next mini-batch with its reason */
  signal?: AbortSignal;
}

/** How long training may keep the event loop from timers and signals. */
const BREATH_MILLISECONDS = 50;

/**
 * Trains a model. The same events, hyperparameters and seed give the same model, bit for bit.
 * @throws UsageError where a hyperparameter is out of range; InputError where the loss is no longer a number
 */
export async function trainModel(events: Events, options: TrainOptions = {}): Promise<Model> {
  const { seed = 1, validation, kernels = plainKernels, signal } = options;
  if (events.count === 0) throw new InputError('train: expected at least one event, got none.');
  const seen = SeenEntities.of(events);
  const hyperparameters = completeHyperparameters(options.hyperparameters ?? {}, seen.count);
  const trainer = new Trainer(events, hyperparameters, seed, kernels);
  options.onStart?.(hyperparameters, trainer.weights.prefixes.rows.count);
  const history: EpochRecord[] = [];
  let lastBreath = performance.now();
  for (let epoch = 0; epoch < hyperparameters.epochs; epoch++) {
    let last: EpochProgress | undefined;
    for (const progress of trainer.runEpoch(epoch)) {
      last = progress;
      options.onBatch?.(progress);
      if (performance.now() - lastBreath > BREATH_MILLISECONDS) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        lastBreath = performance.now();
      }
      signal?.throwIfAborted();
    }
    const network = new Network(trainer.weights, kernels);
    const record: EpochRecord = {
      epoch: epoch + 1,
      crossEntropyNats: last!.crossEntropyNats,
      accuracy: last!.accuracy,
      discriminatorAuc: validation ? discriminatorAuc(network, validation, hyperparameters, seed) : null,
    };
    history.push(record);
    options.onEpoch?.(record);
  }
  const card: ModelCard = {
    trainedBy: version,
    hyperparameters,
    seed,
    data: { ...describe(events), entities: seen.count, prefixes: trainer.weights.prefixes.rows.count },
    prefixLengths: { ipv4: [...IPV4_PREFIX_LENGTHS], ipv6: [...IPV6_PREFIX_LENGTHS] },
    history,
  };
  return new Model(card, trainer.weights, seen, kernels);
}

function describe(
  events: Events,
): Pick<ModelCard['data'], 'events' | 'ipv4Events' | 'ipv6Events' | 'firstTime' | 'lastTime'> {
  let ipv4Events = 0;
  let firstTime = Number.POSITIVE_INFINITY;
  let lastTime = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < events.count; i++) {
    if (isIpv4(events.addresses, i)) ipv4Events++;
    // Comparisons with NaN, the missing time, are false.
    if (events.time[i] < firstTime) firstTime = events.time[i];
    if (events.time[i] > lastTime) lastTime = events.time[i];
  }
  const timed = lastTime >= firstTime;
  return {
    events: events.count,
    ipv4Events,
    ipv6Events: events.count - ipv4Events,
    firstTime: timed ? firstTime : null,
    lastTime: timed ? lastTime : null,
  };
}

/**
 * AWS's `discriminator_auc`: how well the dot product tells validation records from one random address each (the
 * same random ones after every epoch; no shuffled ones).
 */
function discriminatorAuc(network: Network, validation: Events, h: Hyperparameters, seed: number): number {
  const { count, entities, entity, addresses } = validation;
  const random = new RandomStream(seed, PURPOSE.validationNegatives);
  const honest = new Float64Array(count);
  const drawn = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const [low, high] = entities.hashOf(entity[i]);
    const row = hashModulo(low, high, h.numEntityVectors);
    honest[i] = -network.dotProduct(row, addresses, i);
    drawn[i] = -network.dotProduct(
      row,
      randomAddress(isIpv4(addresses, i), random, network.weights.prefixes),
    );
  }
  return areaUnderCurve(rankScores(honest, drawn));
}

const block = new Uint32Array(4);

/** Each octet uniform, as AWS draws IPv4; IPv6 as in training. */
function randomAddress(ipv4: boolean, random: RandomStream, prefixes: PrefixTable): Uint32Array {
  for (let word = 0; word < 4; word++) block[word] = random.u32();
  if (!ipv4) return randomIpv6(block, prefixes);
  block[0] = block[1] = 0;
  block[2] = IPV4_WORD_2;
  return block;
}
