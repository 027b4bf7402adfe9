/** Models read from real files, whose tables lie in the memory of the WebAssembly kernels. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hashModulo } from '../events/entityHash.ts';
import { collectEvents, type Events, loadModel, saveModel } from '../index.ts';
import { NO_ROW } from '../kernels/kernels.ts';
import { SCORING_BLOCK } from '../kernels/webAssembly.ts';
import { expanded } from '../neural/byteVectors.ts';
import { isBytes, type Vectors, type Weights } from '../neural/network.ts';
import { RandomStream } from '../random/philox.ts';
import type { Model } from './model.ts';
import { readModel } from './modelFile.ts';
import { bytes, flatBytes, kernelMemory, readShared, written } from './sampleModelFile.ts';
import { trainModel } from './trainModel.ts';

const folder = mkdtempSync(join(tmpdir(), 'ip-insights-loaded-'));
after(() => rmSync(folder, { recursive: true }));

test('hash, files and comparisons take views of memory that threads share', () => {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
  const content = Uint8Array.from({ length: 1000 }, (_, i) => i * 7);
  const [there, back] = [new Uint8Array(memory.buffer, 65537, 1000), new Uint8Array(memory.buffer, 1, 999)];
  there.set(content);
  const file = openSync(join(folder, 'shared'), 'w+');
  assert.equal(writeSync(file, there), 1000);
  assert.equal(readSync(file, back, 0, 999, 1), 999);
  closeSync(file);
  assert.deepEqual(new Uint8Array(readFileSync(join(folder, 'shared'))), content);
  assert.equal(Buffer.compare(back, content.subarray(1)), 0);
  const digest = createHash('sha256').update(content).digest();
  assert.deepEqual(createHash('sha256').update(there).digest(), digest);
  there.set(digest);
  assert.equal(Buffer.compare(digest, there.subarray(0, 32)), 0);
});

/** Events of some accounts in a few hundred networks of both families, or of IPv4 alone. */
function randomEvents(count: number, seed: number, ipv6: boolean): Events {
  const random = new RandomStream(seed, 0);
  return collectEvents(
    Array.from({ length: count }, () => {
      const [user, network, host] = [random.below(50), random.below(300), random.below(250)];
      const address =
        ipv6 && network % 3 === 0
          ? `2001:db8:${(network % 20).toString(16)}:${network.toString(16)}::${host.toString(16)}`
          : `${(network % 7) + 1}.${network % 11}.${network % 256}.${host}`;
      return { entity: `user_${user}`, address };
    }),
  );
}

const bits = (scores: Float32Array) => new Uint32Array(scores.buffer, scores.byteOffset, scores.length);

/** u: half the distance from 1 to the next float */
const FLOAT_ROUNDING = 2 ** -24;
const DOUBLE_ROUNDING = 2 ** -53;
/** what a product or sum below 2^-126 may lose */
const UNDERFLOW = 2 ** -150;

/** Components as scoring has them: of bytes times scale those of the layers are rounded to floats, without layers none is. */
function floatsOf(vectors: Vectors, { dimension, layers }: Weights): ArrayLike<number> {
  if (!isBytes(vectors)) return vectors;
  if (layers.length > 0) return expanded(vectors, dimension);
  return Float64Array.from(vectors.codes, (code, i) => code * vectors.scales[Math.floor(i / dimension)]);
}

interface ExactTables {
  dimension: number; // D
  entityVectors: ArrayLike<number>; // (E, D)
  networkVectors: ArrayLike<number>; // (P, D)
  layers: Weights['layers']; // L × (D + 1, D)
}

/** Made once for all events: a table of 8 bits has millions of components. */
const exactTables = (weights: Weights): ExactTables => ({
  dimension: weights.dimension,
  entityVectors: floatsOf(weights.entityVectors, weights),
  networkVectors: floatsOf(weights.networkVectors, weights),
  layers: weights.layers,
});

/**
 * Inner product of an event in doubles, and how far one in floats may be from it. In D components no term meets more than
 * D roundings of u, so that the error is at most γ Σ |a| |b|, γ = D u / (1 − D u) (Higham, Accuracy and Stability of
 * Numerical Algorithms, 3.1). A layer rounds each of its outputs once, and passes on the error of its inputs.
 */
function reference(
  { dimension: D, entityVectors, networkVectors, layers }: ExactTables,
  entityRow: number,
  networkRow: number,
): { exact: number; bound: number } {
  let vector = Array.from({ length: D }, (_, d) =>
    networkRow === NO_ROW ? 0 : networkVectors[networkRow * D + d],
  );
  let errors = new Array<number>(D).fill(0);
  for (const layer of layers) {
    const rowSum = (i: number, term: (weight: number, d: number) => number, start: number) => {
      let sum = start;
      for (let d = 0; d < D; d++) sum += term(layer[i * D + d], d);
      return sum;
    };
    const out = vector.map(
      (x, i) =>
        x +
        Math.max(
          0,
          rowSum(i, (w, d) => w * vector[d], layer[D * D + i]),
        ),
    );
    errors = out.map((x, i) => {
      const passedOn = errors[i] + rowSum(i, (w, d) => Math.abs(w) * errors[d], 0);
      const size =
        Math.abs(vector[i]) + rowSum(i, (w, d) => Math.abs(w * vector[d]), Math.abs(layer[D * D + i]));
      return passedOn + FLOAT_ROUNDING * (Math.abs(x) + passedOn) + 2 * (D + 3) * DOUBLE_ROUNDING * size;
    });
    vector = out;
  }
  const gamma = (D * FLOAT_ROUNDING) / (1 - D * FLOAT_ROUNDING);
  let [exact, bound] = [0, 2 * D * UNDERFLOW];
  for (let d = 0; d < D; d++) {
    const e = entityVectors[entityRow * D + d];
    exact += e * vector[d];
    bound +=
      Math.abs(e) *
      (errors[d] + gamma * (Math.abs(vector[d]) + errors[d]) + D * DOUBLE_ROUNDING * Math.abs(vector[d]));
  }
  return { exact, bound };
}

/** [D, layers, IPv6 in training, vectors in 8 bits]: vectors that fill registers and such that do not. */
const SHAPES: [dimension: number, layers: number, ipv6: boolean, quantize: boolean][] = [
  [4, 0, true, false],
  [5, 0, false, false],
  [16, 0, true, false],
  [31, 0, true, false],
  [32, 0, true, false],
  [100, 0, false, false],
  [128, 0, true, false],
  [4, 1, true, false],
  [33, 3, false, false],
  [4, 0, true, true],
  [5, 0, false, true],
  [128, 0, true, true],
  [33, 2, true, true],
];

for (const [vectorDim, numIpEncoderLayers, ipv6, quantize] of SHAPES) {
  const name = `D ${vectorDim}, ${numIpEncoderLayers} layers, ${ipv6 ? 'both families' : 'IPv4 alone'}${quantize ? ', 8 bits' : ''}`;
  test(`a model scores the same, bit for bit, fresh from training, loaded, and with the plain kernels: ${name}`, async () => {
    const hyperparameters = {
      vectorDim,
      numIpEncoderLayers,
      epochs: 2,
      miniBatchSize: 100,
      learningRate: 0.05,
    };
    const trained = await trainModel(randomEvents(600, vectorDim, ipv6), {
      hyperparameters,
      threads: 1,
      quantize,
    });
    const path = join(folder, 'login.model');
    saveModel(trained, path);
    const loaded = loadModel(path);
    const plain = readModel(readFileSync(path), path);
    // Where the tables lie decides which kernels serve.
    const bufferOf = ({ networkVectors: v }: Weights) => (isBytes(v) ? v.codes : v).buffer;
    assert.ok(bufferOf(loaded.weights) instanceof SharedArrayBuffer);
    assert.ok(bufferOf(plain.weights) instanceof ArrayBuffer);
    assert.equal(isBytes(loaded.weights.entityVectors), quantize);

    // More than a block; among them accounts and, without IPv6 in training, a family never seen.
    const events = randomEvents(SCORING_BLOCK + 300, 1000 + vectorDim, true);
    const scores = plain.dotProducts(events);
    assert.deepEqual(bits(loaded.dotProducts(events)), bits(scores));
    assert.deepEqual(bits(trained.dotProducts(events)), bits(scores));
    for (const model of [loaded, plain, trained]) {
      assert.deepEqual(bits(oneByOne(model, events)), bits(scores));
    }
    const { weights, card } = plain;
    const tables = exactTables(weights);
    for (let i = 0; i < events.count; i++) {
      const [low, high] = events.entities.hashOf(events.entity[i]);
      const entityRow = hashModulo(low, high, card.hyperparameters.numEntityVectors);
      const { exact, bound } = reference(tables, entityRow, weights.prefixes.find(events.addresses, i));
      assert.ok(Math.abs(scores[i] - exact) <= bound, `event ${i}: ${scores[i]}, exact ${exact} ± ${bound}`);
    }
    assert.deepEqual(written(loaded), new Uint8Array(readFileSync(path)));
  });
}

function oneByOne(model: Model, { count, entities, entity, addresses }: Events): Float32Array {
  const hashes = Array.from({ length: entities.count }, (_, e) => entities.hashOf(e));
  return Float32Array.from({ length: count }, (_, i) => {
    const [low, high] = hashes[entity[i]];
    return model.neural.dotProduct(low, high, addresses, i);
  });
}

test('without layers the WebAssembly kernels score where the file lies, with layers the plain ones do', () => {
  const { out } = kernelMemory.scoring[0];
  for (const [file, inMemory] of [
    [flatBytes, true],
    [bytes, false],
  ] as const) {
    out.fill(7);
    const { dotProduct } = readShared(file).score('user_1', '10.1.2.3');
    assert.equal(out[0] === dotProduct, inMemory);
  }
});

test('no events have no scores', () => {
  assert.deepEqual(readShared(flatBytes).dotProducts(collectEvents([])), new Float32Array(0));
});

test('two loaded models do not share their memory', () => {
  const paths = [flatBytes, bytes].map((file, i) => {
    const path = join(folder, `${i}.model`);
    writeFileSync(path, file);
    return path;
  });
  const expected = paths.map((path) => loadModel(path).score('user_1', '10.1.2.3').dotProduct);
  const models = [...paths, ...paths].map((path) => loadModel(path));
  for (const [i, model] of models.entries()) {
    assert.equal(model.score('user_1', '10.1.2.3').dotProduct, expected[i % 2]);
  }
});

test('a model is read from a pipe too', async () => {
  const path = join(folder, 'pipe');
  const maker = spawn('mkfifo', [path]);
  await once(maker, 'exit');
  const file = join(folder, 'login.model');
  writeFileSync(file, flatBytes);
  const writer = spawn('sh', ['-c', 'cat "$0" > "$1"', file, path], { stdio: 'ignore' });
  const { dotProduct } = loadModel(path).score('user_1', '10.1.2.3');
  await once(writer, 'exit');
  assert.equal(dotProduct, readShared(flatBytes).score('user_1', '10.1.2.3').dotProduct);
});

test('a file that is missing, empty, cut or damaged is refused by name, with the next step', () => {
  const path = join(folder, 'bad.model');
  const refused = (message: string) =>
    assert.throws(() => loadModel(path), { name: 'InputError', message: `${path}: ${message}` });
  refused('there is no such file. Check the name, or the folder that the command runs in.');
  writeFileSync(path, '');
  refused('is empty, expected a model. Train one: ip-insights train.');
  writeFileSync(path, bytes.subarray(0, -1));
  refused(
    `is cut short: expected ${bytes.length} bytes, got ${bytes.length - 1}. Copy it again, or retrain.`,
  );
  const damaged = bytes.slice();
  damaged[damaged.length - 1] ^= 1;
  writeFileSync(path, damaged);
  refused(
    'its checksum does not match its content: the file was changed or damaged. Copy it again, or retrain.',
  );
});
