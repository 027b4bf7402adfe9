import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InputError } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { collectEvents } from '../index.ts';
import { availableKernels } from '../kernels/available.ts';
import { completeHyperparameters, type Hyperparameters } from '../neural/hyperparameters.ts';
import type { Place } from '../neural/runTraining.ts';
import { type EpochProgress, progressOf, Training } from '../neural/train.ts';
import { version } from '../version.ts';
import { Checkpoints } from './checkpointFile.ts';
import type { VectorTraining } from './learner.ts';
import type { EpochRecord } from './modelCard.ts';
import { headerLength, headerOf, sealed, withHeader, written } from './sampleModelFile.ts';
import { inMemory } from './source.ts';
import { type CheckpointKeeper, trainModel } from './trainModel.ts';

const address = (i: number) => (i % 5 === 0 ? `2001:db8:${i % 3}::${i}` : `10.${i % 4}.${i % 7}.${i}`);
const someEvents = (count: number) =>
  collectEvents(Array.from({ length: count }, (_, i) => ({ entity: `user_${i % 6}`, address: address(i) })));
const EVENTS = someEvents(70);
const OTHER_EVENTS = collectEvents(
  Array.from({ length: 70 }, (_, i) => ({ entity: `user_${i % 6}`, address: address(i + 1) })),
);

/** What may differ between two trainings. */
interface Given {
  events?: Events;
  hyperparameters?: Partial<Hyperparameters>;
  seed?: number;
  kernels?: 'auto' | 'plain';
  validation?: Events;
}

const BASE = { numEntityVectors: 12, vectorDim: 5, epochs: 3, miniBatchSize: 20, learningRate: 0.05 };

function start({ events = EVENTS, hyperparameters, seed = 3, kernels, validation }: Given = {}) {
  const complete = completeHyperparameters({ ...BASE, ...hyperparameters }, 6);
  const training = new Training(events, complete, seed, availableKernels(kernels));
  return { training, checkpoints: new Checkpoints(training, validation) };
}
type Started = ReturnType<typeof start>;

function save(
  { checkpoints }: Pick<Started, 'checkpoints'>,
  place: Place,
  history: EpochRecord[],
): Uint8Array {
  const parts: Uint8Array[] = [];
  checkpoints.write(place, history, (bytes) => parts.push(bytes.slice()));
  return new Uint8Array(Buffer.concat(parts));
}

/** Trains to the end, on the calling thread. `each` is called after every mini-batch and epoch. */
function trainFrom({ training }: Started, from: Place, each: (place: Place, ended?: EpochProgress) => void) {
  const { epochs } = training.state.hyperparameters;
  for (let epoch = from.epoch; epoch < epochs; epoch++) {
    // Where all mini-batches of the epoch were done before, none is to come.
    let last = progressOf(training.state, training.state.data.count, epoch);
    for (const progress of training.runEpoch(epoch, epoch === from.epoch ? from.batch : 0)) {
      last = progress;
      each({ epoch, batch: progress.batches });
    }
    each({ epoch: epoch + 1, batch: 0 }, last);
  }
}

/** Everything that was learned, to be compared bit for bit. */
const learned = ({ training }: Started) =>
  [training.state.tables.entities, training.state.tables.prefixes, ...training.state.tables.layers].map(
    ({ vectors, moment, steps }) => ({
      vectors: vectors.slice(),
      moment: moment.slice(),
      steps: steps.slice(),
    }),
  );

const recordOf = ({ epoch, crossEntropyNats, accuracy }: EpochProgress): EpochRecord => ({
  epoch: epoch + 1,
  crossEntropyNats,
  accuracy,
  discriminatorAuc: epoch === 0 ? null : 0.75,
});

for (const kernels of ['auto', 'plain'] as const) {
  for (const numIpEncoderLayers of [0, 2]) {
    test(`from every mini-batch a training goes on to the same numbers, bit for bit: ${kernels} kernels, ${numIpEncoderLayers} layers`, () => {
      const given = { kernels, hyperparameters: { numIpEncoderLayers } };
      const whole = start(given);
      const history: EpochRecord[] = [];
      const files: [Place, Uint8Array][] = [
        [{ epoch: 0, batch: 0 }, save(whole, { epoch: 0, batch: 0 }, [])],
      ];
      trainFrom(whole, files[0][0], (place, ended) => {
        if (ended) history.push(recordOf(ended));
        files.push([place, save(whole, place, history)]);
      });
      // The start, then for each of three epochs four mini-batches (of 20, 20, 20 and 10 events) and its end.
      assert.equal(files.length, 1 + 3 * 5);
      for (const [place, file] of files) {
        const again = start(given);
        const kept = again.checkpoints.restore(inMemory(file), 'c')!;
        assert.deepEqual(kept, { place, history: history.slice(0, place.epoch) });
        assert.deepEqual(save(again, place, kept.history), file);
        trainFrom(again, place, (_, ended) => ended && kept.history.push(recordOf(ended)));
        assert.deepEqual(learned(again), learned(whole));
        assert.deepEqual(kept.history, history);
      }
    });
  }
}

/** Keeps a checkpoint of every mini-batch; starts from one. */
class EveryBatch implements CheckpointKeeper {
  readonly files: Uint8Array[] = [];
  readonly #from: Uint8Array | undefined;
  #checkpoints: Checkpoints | undefined;
  #pause = () => {};
  #isFinal = false;

  constructor(from?: Uint8Array) {
    this.#from = from;
  }

  restore(
    stage: string,
    training: VectorTraining,
    history: EpochRecord[],
    validation: Events | undefined,
  ): Place | undefined {
    this.#checkpoints = new Checkpoints(training, validation);
    this.#isFinal = stage === 'final';
    if (!this.#from || !this.#isFinal) return undefined;
    const kept = this.#checkpoints.restore(inMemory(this.#from), 'c')!;
    history.push(...kept.history);
    return kept.place;
  }

  start(pause: () => void): void {
    this.#pause = pause;
    pause();
  }

  save(place: Place, history: EpochRecord[]): void {
    if (this.#isFinal) this.files.push(save({ checkpoints: this.#checkpoints! }, place, history));
    // The threads go on first.
    setImmediate(this.#pause);
  }

  stop(): void {
    this.#pause = () => {};
  }
}

for (const numIpEncoderLayers of [0, 1]) {
  test(`threads that stop for a checkpoint, and others that go on from it, make the same model (${numIpEncoderLayers} layers)`, async () => {
    const options = {
      hyperparameters: { ...BASE, miniBatchSize: 5, numIpEncoderLayers },
      validation: OTHER_EVENTS,
    };
    const expected = written(await trainModel(EVENTS, { ...options, threads: 1 }));
    const keeper = new EveryBatch();
    assert.deepEqual(
      written(await trainModel(EVENTS, { ...options, threads: 2, checkpoint: keeper })),
      expected,
    );
    const places = keeper.files.map((file) => headerOf(file).card.place as Place);
    assert.deepEqual(places.at(-1), { epoch: 3, batch: 0 });
    const amid = keeper.files.filter((_, i) => places[i].batch > 0);
    assert.ok(amid.length >= 5, `${amid.length} checkpoints amid epochs`);
    for (const [i, threads] of [3, 1, 2].entries()) {
      const from = amid[Math.floor((amid.length * (2 * i + 1)) / 6)];
      const model = await trainModel(EVENTS, { ...options, threads, checkpoint: new EveryBatch(from) });
      assert.deepEqual(written(model), expected);
    }
  });
}

/** A checkpoint in the middle of the second epoch. */
function sample(given: Given = {}): Uint8Array {
  const started = start(given);
  let file = new Uint8Array(0);
  trainFrom(started, { epoch: 0, batch: 0 }, (place) => {
    if (place.epoch === 1 && place.batch === 2) file = save(started, place, []) as typeof file;
  });
  return file;
}
const bytes = sample();
const restore = (file: Uint8Array, given: Given = {}) =>
  start(given).checkpoints.restore(inMemory(file), 'c');

test('the place of the bytes in memory does not matter, shared memory included', () => {
  const expected = start();
  expected.checkpoints.restore(inMemory(bytes), 'c');
  for (let shift = 0; shift < 9; shift++) {
    const place = new Uint8Array(new SharedArrayBuffer(bytes.length + shift));
    place.set(bytes, shift);
    const started = start();
    started.checkpoints.restore(inMemory(place.subarray(shift)), 'c');
    assert.deepEqual(learned(started), learned(expected));
  }
});

const SAME = 'Use the same data and options, or another --checkpoint folder.';
const SUM = '[0-9a-f]{64}';
const OTHERS: [name: string, of: Given, now: Given, what: string][] = [
  ['more events', {}, { events: someEvents(71) }, 'the number of distinct pairs was 70, is now 71'],
  [
    'other events',
    {},
    { events: OTHER_EVENTS },
    `the checksum of the training data was ${SUM}, is now ${SUM}`,
  ],
  ['another seed', {}, { seed: 2 ** 53 - 1 }, '--seed was 3, is now 9007199254740991'],
  ['other kernels', {}, { kernels: 'plain' }, 'the kind of kernels was WebAssembly, is now plain'],
  [
    'validation data',
    {},
    { validation: EVENTS },
    `the checksum of the validation data was none, is now ${SUM}`,
  ],
  [
    'no validation data',
    { validation: EVENTS },
    {},
    `the checksum of the validation data was ${SUM}, is now none`,
  ],
  [
    'other validation data',
    { validation: EVENTS },
    { validation: OTHER_EVENTS },
    `the checksum of the validation data was ${SUM}, is now ${SUM}`,
  ],
];
const HYPERPARAMETERS: [Partial<Hyperparameters>, string][] = [
  [{ numEntityVectors: 13 }, '--num-entity-vectors was 12, is now 13'],
  [{ vectorDim: 6 }, '--vector-dim was 5, is now 6'],
  [{ epochs: 4 }, '--epochs was 3, is now 4'],
  [{ learningRate: 0.06 }, '--learning-rate was 0.05, is now 0.06'],
  [{ miniBatchSize: 21 }, '--mini-batch-size was 20, is now 21'],
  [{ numIpEncoderLayers: 1 }, '--num-ip-encoder-layers was 0, is now 1'],
  [{ randomNegativeSamplingRate: 2 }, '--random-negative-sampling-rate was 3, is now 2'],
  [{ shuffledNegativeSamplingRate: 0 }, '--shuffled-negative-sampling-rate was 1, is now 0'],
  [{ weightDecay: 0 }, '--weight-decay was 0.00001, is now 0'],
  [{ batchMetricsPublishInterval: 7 }, '--batch-metrics-publish-interval was 1000, is now 7'],
];
for (const [hyperparameters, what] of HYPERPARAMETERS) OTHERS.push([what, {}, { hyperparameters }, what]);

for (const [name, of, now, what] of OTHERS) {
  test(`refuses the checkpoint of a training that differs by: ${name}`, () => {
    const message = new RegExp(`^c: is of another training: ${what}\\. ${SAME.replaceAll('.', '\\.')}$`);
    assert.throws(() => restore(sample(of), now), { name: 'InputError', message });
  });
}

test('refuses the checkpoint of another version of ip-insights', () => {
  const header = headerOf(bytes);
  header.card.madeBy = '0.0.9';
  assert.throws(() => restore(withHeader(bytes, header)), {
    name: 'InputError',
    message: `c: is of another training: the version of ip-insights was 0.0.9, is now ${version}. ${SAME}`,
  });
});

const remove = 'Remove it to start from the beginning.';
const copyAgain = 'Copy it again, or remove it to start from the beginning.';

/** The checkpoint with one float of a section replaced, checksum mended. */
function poked(name: string, index: number, value: number): Uint8Array {
  const copy = bytes.slice();
  const { offset } = headerOf(bytes).sections.find((section: { name: string }) => section.name === name);
  new DataView(copy.buffer).setFloat32(offset + index * 4, value, true);
  return sealed(copy);
}

function changed(at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

const DAMAGE: [name: string, file: Uint8Array, message: string][] = [
  ['nothing', new Uint8Array(0), `is empty, expected a checkpoint. ${remove}`],
  [
    'a model',
    new TextEncoder().encode('IPINSGHT________'),
    'is not a checkpoint of ip-insights: it does not start with "IPINSCKP". Remove it to start from the beginning.',
  ],
  [
    'a later version',
    changed(8, 3),
    'written as v3, this build reads v2. Upgrade, or remove it to start from the beginning.',
  ],
  ['an earlier version', changed(8, 1), `written as v1, this build reads v2. ${remove}`],
  ['the first 15 bytes', bytes.slice(0, 15), `is cut short inside its first 16 bytes. ${copyAgain}`],
  ['half a header', bytes.slice(0, 100), `is cut short inside its header. ${copyAgain}`],
  ['no JSON', changed(17, 0), `its header is not JSON: the file was changed or damaged. ${copyAgain}`],
  [
    'a missing byte',
    bytes.slice(0, -1),
    `is cut short: expected ${bytes.length} bytes, got ${bytes.length - 1}. ${copyAgain}`,
  ],
  [
    'a byte too many',
    Uint8Array.of(...bytes, 0),
    `has 1 byte too many: expected ${bytes.length}, got ${bytes.length + 1}. ${copyAgain}`,
  ],
  [
    'a changed number',
    changed(16 + headerLength(bytes) + 3, bytes[16 + headerLength(bytes) + 3] ^ 1),
    `its checksum does not match its content: the file was changed or damaged. ${copyAgain}`,
  ],
  ...['entity', 'prefix'].flatMap((table): [string, Uint8Array, string][] => [
    [
      `${table} vectors that are no numbers`,
      poked(`${table}_vectors`, 2, Number.NaN),
      `section ${table}_vectors holds NaN or infinity. ${remove}`,
    ],
    [
      `infinite ${table} moments`,
      poked(`${table}_moment`, 2, Number.POSITIVE_INFINITY),
      `section ${table}_moment holds NaN or infinity. ${remove}`,
    ],
  ]),
];
for (const [name, file, message] of DAMAGE) {
  test(`refuses ${name}`, () => {
    assert.throws(() => restore(file), { name: 'InputError', message: `c: ${message}` });
  });
}

test('any changed byte is refused, any cut too', () => {
  const started = start();
  const refused = (file: Uint8Array) =>
    assert.throws(
      () => started.checkpoints.restore(inMemory(file), 'c'),
      (error) => error instanceof InputError && error.message.startsWith('c: '),
    );
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      refused(changed(at, bytes[at] ^ flip));
      refused(bytes.slice(0, at));
    }),
    { numRuns: 500 },
  );
});
