// node bench/shardMemory.mjs TRAIN.csv [--ranks 1,2,4,8] [--vector-dim 128]
// What each rank has of the accounts (rows of the entity table, hashes, places, weights), trained for one epoch and written in a
// shard, beside all of it divided by the ranks. Bytes are counted, not measured: those of the shard are those of the rank's arrays,
// and rows of the table in training have as much state again for all ranks alike. Markdown on stdout.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ShardedFiles } from '../dist/model/shards/shardedFiles.js';

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ranks: { type: 'string', default: '1,2,4,8' },
    'vector-dim': { type: 'string', default: '128' },
  },
});
if (positionals.length !== 1) {
  console.error('shardMemory.mjs: expected one CSV file of events.');
  process.exit(2);
}
const [csv] = positionals;
const counts = values.ranks.split(',').map(Number);
const folder = mkdtempSync(join(tmpdir(), 'shard-memory-'));
try {
  const all = counts.map((ranks) => ({ ranks, manifest: train(ranks) }));
  const [{ entities, numEntityVectors }] = all.map(({ manifest }) => manifest);
  const whole = bytesOf(all[0].manifest);
  console.log(
    `${entities.toLocaleString('en-US')} accounts, ${numEntityVectors.toLocaleString('en-US')} entity rows of ${values['vector-dim']} numbers; ${megabytes(whole)} MB of all accounts\n`,
  );
  console.log(
    '| ranks | MB of accounts on the fullest | times its part, 1/N | rows of the fullest, times 1/N |',
  );
  console.log(
    '| ----- | ----------------------------- | ------------------- | ------------------------------ |',
  );
  for (const { ranks, manifest } of all) {
    const fullest = Math.max(...manifest.shards.map(({ sizeBytes }) => sizeBytes));
    const rows = Math.max(...manifest.shards.map(({ entityRows: [from, to] }) => to - from));
    const cells = [
      ranks,
      megabytes(fullest),
      ((fullest * ranks) / whole).toFixed(3),
      ((rows * ranks) / numEntityVectors).toFixed(3),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

function bytesOf({ shards }) {
  return shards.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(2);
}

/** Trains in shards, one of each rank. @returns the manifest */
function train(ranks) {
  const model = join(folder, `${ranks}.model`);
  const command = [main, 'train', csv, '--model', model, '--sharded', '--epochs', '1'];
  command.push('--vector-dim', values['vector-dim']);
  const mpirun = ['-q', '--allow-run-as-root', '--oversubscribe', '-np', String(ranks), process.execPath];
  console.error(`# ${ranks} ranks`);
  const { status, stderr } = spawnSync('mpirun', [...mpirun, ...command], { encoding: 'utf8' });
  if (status === 0) return ShardedFiles.open(model).manifest;
  console.error(`shardMemory.mjs: ${ranks} ranks failed:\n${stderr}`);
  process.exit(1);
}
