// node bench/dump.mjs training TRAIN.csv FOLDER [--peer-batches M]
// node bench/dump.mjs scoring MODEL EVENTS.csv FOLDER
// Writes what the native programs read: little-endian files, numbers in header.txt. With --peer-batches the pairs of
// the first mini-batches of epoch 0 too, for a peer that is to train on exactly our negatives: FOLDER/peer.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isIpv4 } from '../dist/addresses/address.js';
import { readEventFiles } from '../dist/cli/readInput.js';
import { hashModulo } from '../dist/events/entityHash.js';
import { loadModel } from '../dist/index.js';
import { availableKernels } from '../dist/kernels/available.js';
import { NO_ROW } from '../dist/kernels/kernels.js';
import { BatchMaker } from '../dist/neural/batchMaker.js';
import { completeHyperparameters } from '../dist/neural/hyperparameters.js';
import { termsOf } from '../dist/neural/miniBatch.js';
import { Training } from '../dist/neural/train.js';
import { EpochOrder } from '../dist/random/epochOrder.js';
import { PURPOSE } from '../dist/random/philox.js';
import { SEED, TUTORIAL } from './tutorial.mjs';

/** A training that has not begun, at the settings of the tutorial and without layers. */
export async function tutorialTraining(csv) {
  const { events } = await readEventFiles([csv], { onBadLine: 'error' });
  const h = completeHyperparameters({ ...TUTORIAL, numIpEncoderLayers: 0 }, 1);
  return { events, h, training: new Training(events, h, SEED, availableKernels('auto'), 1) };
}

function writeHeader(folder, numbers) {
  const lines = Object.entries(numbers).map(([name, value]) => `${name} ${value}\n`);
  writeFileSync(join(folder, 'header.txt'), lines.join(''));
}

function requireIpv4(addresses, count, path) {
  for (let i = 0; i < count; i++) {
    if (!isIpv4(addresses, i))
      fail(`${path}: event ${i + 1} has an IPv6 address; the native programs know IPv4 only.`);
  }
}

/** @param peerBatches M */
export async function dumpTraining(csv, folder, peerBatches = 0) {
  const { events, h, training } = await tutorialTraining(csv);
  requireIpv4(events.addresses, events.count, csv);
  const { data, prefixParts, tables } = training.state;
  const { rows, parent, first16, blocks } = prefixParts;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'entity_row.u32'), data.entityRow);
  writeFileSync(join(folder, 'deepest.u32'), data.deepest);
  writeFileSync(join(folder, 'parents.u32'), parent);
  writeFileSync(join(folder, 'levels.u8'), rows.level);
  writeFileSync(join(folder, 'high.u32'), rows.high);
  writeFileSync(join(folder, 'first16.u32'), first16);
  writeFileSync(join(folder, 'blocks.u32'), blocks);
  writeFileSync(join(folder, 'entities.f32'), tables.entities.vectors);
  if (peerBatches > 0) dumpPeerBatches(events, h, training, join(folder, 'peer'), peerBatches);
  // Last: where it stands, the rest is whole.
  writeHeader(folder, {
    events: data.count,
    prefixRows: rows.count,
    blocks: blocks.length / 256,
    numEntityVectors: h.numEntityVectors,
    dimension: h.vectorDim,
    miniBatchSize: h.miniBatchSize,
    randomNegatives: h.randomNegativeSamplingRate,
    shuffledNegatives: h.shuffledNegativeSamplingRate,
    learningRate: h.learningRate,
    weightDecay: h.weightDecay,
    epochs: h.epochs,
    seed: SEED,
  });
}

/** Deepest rows of all pairs of a mini-batch as the peer's files have them, ascending; those without a row left out. */
function rowsOf(prefixes, h, first, address, shuffled) {
  const { miniBatchSize: B, randomNegativeSamplingRate: R, shuffledNegativeSamplingRate: S } = h;
  const rows = [];
  for (let b = first; b < first + B; b++) {
    for (let k = 0; k <= R; k++) rows.push(prefixes.findIpv4(address[b * (1 + R) + k]));
    for (let s = 0; s < S; s++) {
      rows.push(prefixes.findIpv4(address[(first + shuffled[b * S + s]) * (1 + R)]));
    }
  }
  return Uint32Array.from(rows)
    .sort()
    .filter((row) => row !== NO_ROW);
}

/** What is written for the peer must be what we train on. */
function requireSameRows(m, batch, rows) {
  const { count, row } = termsOf(batch);
  if (count !== rows.length || rows.some((expected, i) => row[i] !== expected)) {
    fail(
      `dump.mjs draws other pairs for mini-batch ${m} than BatchMaker. Bring it up to date with batchMaker.ts.`,
    );
  }
}

/** The pairs of mini-batches [0, M) by address, drawn as `BatchMaker` draws them. */
function dumpPeerBatches({ addresses }, h, training, folder, M) {
  const { miniBatchSize: B, randomNegativeSamplingRate: R, shuffledNegativeSamplingRate: S } = h;
  const { data, shape, seed, batches } = training.state;
  const most = Math.floor(data.count / B);
  if (!Number.isInteger(M) || M < 1 || M > most)
    fail(`--peer-batches: expected an integer from 1 to ${most}, got ${M}.`);
  const entityRow = new Uint32Array(M * B);
  const address = new Uint32Array(M * B * (1 + R));
  const shuffled = new Uint32Array(M * B * S);
  const order = new EpochOrder(data.count, seed, PURPOSE.epochOrder, 0);
  const kernels = training.kernelsOf(0);
  const [batch] = batches;
  const { words } = batch;
  const maker = new BatchMaker(shape, data, training.prefixes, training.state.borders, seed, kernels);
  const blocksOf = (draws) => Math.ceil(draws / 4);
  for (let m = 0; m < M; m++) {
    const first = m * B;
    const draw = (purpose, blocks) => kernels.randomWords(first, purpose, 0, [seed, 0], blocks, words, B);
    draw(PURPOSE.randomNegatives, blocksOf(R));
    for (let b = 0; b < B; b++) {
      const event = order.at(first + b);
      const at = (first + b) * (1 + R);
      entityRow[first + b] = data.entityRow[event];
      address[at] = addresses[event * 4 + 3];
      for (let r = 0; r < R; r++) address[at + 1 + r] = words[b * 4 * blocksOf(R) + r];
    }
    draw(PURPOSE.shuffledNegatives, blocksOf(S));
    for (let b = 0; b < B; b++) {
      for (let s = 0; s < S; s++) {
        const ahead = B === 1 ? 0 : 1 + Math.floor((words[b * 4 * blocksOf(S) + s] / 2 ** 32) * (B - 1));
        shuffled[(first + b) * S + s] = (b + ahead) % B;
      }
    }
    maker.make(batch, order, first, first + B, 0);
    requireSameRows(m, batch, rowsOf(training.prefixes, h, first, address, shuffled));
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'entity_row.u32'), entityRow);
  writeFileSync(join(folder, 'address.u32'), address);
  writeFileSync(join(folder, 'shuffled.u32'), shuffled);
  const meta = { B, R, S, D: h.vectorDim, numEntityVectors: h.numEntityVectors, batches: M };
  writeFileSync(join(folder, 'meta.json'), `${JSON.stringify(meta)}\n`);
}

/** Tables of a model without layers, events, and our scores of them to compare with. */
export async function dumpScoring(modelPath, csv, folder) {
  const model = loadModel(modelPath);
  const { entityVectors, networkVectors, dimension, layers, prefixes } = model.weights;
  if (layers.length > 0) fail(`${modelPath}: has layers; the native program scores without.`);
  const { events } = await readEventFiles([csv], { onBadLine: 'error' });
  const { count, addresses, entity, entities } = events;
  requireIpv4(addresses, count, csv);
  const { numEntityVectors } = model.card.hyperparameters;
  const rowOf = Array.from({ length: entities.count }, (_, e) =>
    hashModulo(...entities.hashOf(e), numEntityVectors),
  );
  const { first16, blocks } = prefixes.parts;
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'entity_row.u32'),
    entity.map((e) => rowOf[e]),
  );
  writeFileSync(
    join(folder, 'address.u32'),
    Uint32Array.from({ length: count }, (_, i) => addresses[i * 4 + 3]),
  );
  writeFileSync(join(folder, 'first16.u32'), first16);
  writeFileSync(join(folder, 'blocks.u32'), blocks);
  writeFileSync(join(folder, 'entities.f32'), entityVectors);
  writeFileSync(join(folder, 'networks.f32'), networkVectors);
  writeFileSync(join(folder, 'scores.f32'), model.dotProducts(events));
  writeHeader(folder, {
    events: count,
    prefixRows: networkVectors.length / dimension,
    blocks: blocks.length / 256,
    numEntityVectors,
    dimension,
  });
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'peer-batches': { type: 'string', default: '0' } },
  });
  const [what, ...paths] = positionals;
  if (what === 'training' && paths.length === 2) {
    await dumpTraining(...paths, Number(values['peer-batches']));
  } else if (what === 'scoring' && paths.length === 3) {
    await dumpScoring(...paths);
  } else {
    fail('dump.mjs: expected "training TRAIN.csv FOLDER" or "scoring MODEL EVENTS.csv FOLDER".');
  }
}
