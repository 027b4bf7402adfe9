/** Checkpoints over ranks, by the real mpirun. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type JobResult, runDrill, runJob } from '../mpi/sampleRanks.ts';
import type { Orders } from './checkpointRanksDrill.ts';

const folder = mkdtempSync(join(tmpdir(), 'ip-insights-ranks-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const host = hostname();

/** @param size 0: without a launcher */
function run(size: number, orders: Orders): Promise<JobResult> {
  const options = { file: join(import.meta.dirname, 'checkpointRanksDrill.js') };
  const given = [JSON.stringify(orders)];
  return size === 0 ? runDrill(given, options) : runJob(size, given, options);
}

/** The checkpoints of a job, in their order. */
async function written(size: number, orders: Orders): Promise<string[]> {
  const { status, stdout, stderr } = await run(size, orders);
  assert.equal(status, 0, stderr);
  return stdout.trimEnd().split('\n');
}

/** Within the second epoch, of 3 mini-batches. */
const PLACE = { epoch: 1, batch: 2 };
const KEPT = { alone: at('alone'), three: at('three') };

for (const numIpEncoderLayers of [0, 2]) {
  const given = { numIpEncoderLayers };

  test(`after every mini-batch 3 ranks write the checkpoint that one process writes, and any number goes on from it to the same: ${numIpEncoderLayers} layers`, async () => {
    const whole = await written(0, { given, keep: { place: PLACE, file: KEPT.alone } });
    // Three epochs of three mini-batches, and their ends.
    assert.equal(new Set(whole).size, 3 * 4);
    assert.deepEqual(await written(3, { given, keep: { place: PLACE, file: KEPT.three } }), whole);
    assert.deepEqual(readFileSync(KEPT.three), readFileSync(KEPT.alone));
    const rest = whole.slice(6);
    for (const size of [0, 2, 5]) {
      assert.deepEqual(await written(size, { given, from: { file: KEPT.three } }), rest, `${size} ranks`);
    }
    assert.deepEqual(await written(3, { given, from: { file: KEPT.alone } }), rest);
  });

  test(`the first rank alone sees the checkpoint, reads for the others, and they go on to the same: ${numIpEncoderLayers} layers`, async () => {
    const rest = (await written(0, { given })).slice(6);
    for (const size of [0, 2, 5]) {
      const from = { file: KEPT.alone, ofFirst: true };
      assert.deepEqual(await written(size, { given, from }), rest, `${size} ranks`);
    }
  });
}

const THREE = { given: { numIpEncoderLayers: 2 } };
const SAME = 'Use the same data and options, or another --checkpoint folder.';
const SHARED = 'All ranks need the same folder: name one with --checkpoint that all computers share.';

/** A copy with another last bit. */
function damaged(name: string): string {
  const bytes = readFileSync(KEPT.three);
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(at(name), bytes);
  return at(name);
}

const SUM = '[0-9a-f]{64}';
const FILE = 'c: expected the same file on all ranks, got';

/** What is said, as an expression whose dots are dots. */
const REFUSED: [name: string, orders: () => Orders, said: string][] = [
  [
    'is not seen by one rank',
    () => ({ ...THREE, from: { file: KEPT.three, unseenBy: 2 } }),
    `${FILE} one of [\\d,]+ bytes on rank 0 \\(${host}\\) and none on rank 2 \\(${host}\\). ${SHARED}`,
  ],
  [
    'is not seen by the first rank',
    () => ({ ...THREE, from: { file: KEPT.three, unseenBy: 0 } }),
    `${FILE} none on rank 0 \\(${host}\\) and one of [\\d,]+ bytes on rank 1 \\(${host}\\). ${SHARED}`,
  ],
  [
    'is another one for one rank',
    () => ({ ...THREE, from: { file: KEPT.three, other: { rank: 1, file: damaged('other') } } }),
    `${FILE} one on rank 0 \\(${host}\\) and another one of the same size on rank 1 \\(${host}\\). ${SHARED}`,
  ],
  [
    'is damaged, and the first rank alone sees it',
    () => ({ ...THREE, from: { file: damaged('damaged'), ofFirst: true } }),
    'c: its checksum does not match its content: the file was changed or damaged. Copy it again, or remove it to start from the beginning.',
  ],
  [
    'is damaged',
    () => ({ ...THREE, from: { file: damaged('damaged') } }),
    'c: its checksum does not match its content: the file was changed or damaged. Copy it again, or remove it to start from the beginning.',
  ],
  [
    'is of other validation data',
    () => ({ ...THREE, from: { file: KEPT.three }, later: 51 }),
    `c: is of another training: the checksum of the validation data was ${SUM}, is now ${SUM}. ${SAME}`,
  ],
  [
    'is of other hyperparameters',
    () => ({ given: { ...THREE.given, weightDecay: 0 }, from: { file: KEPT.three } }),
    `c: is of another training: --weight-decay was 0.00001, is now 0. ${SAME}`,
  ],
];

for (const [name, orders, said] of REFUSED) {
  test(`a checkpoint that ${name} ends the job of 3 ranks, with one sentence`, async () => {
    const { status, told, stderr } = await run(3, orders());
    assert.equal(status, 1, stderr);
    assert.equal(told.length, 1, stderr);
    assert.match(told[0], new RegExp(`^rank 0 \\(${host}\\): ${said.replaceAll('. ', '\\. ')}$`));
  });
}
