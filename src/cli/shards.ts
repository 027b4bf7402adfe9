import { Command } from 'commander';
import { counted, InputError } from '../errors.ts';
import { AtomicFile } from '../files/atomicFile.ts';
import { loadModel } from '../model/savedModel.ts';
import { JoinedShards } from '../model/shards/joinedShards.ts';
import { filesOfModel, isManifest, requireOneFile, ShardedFiles } from '../model/shards/shardedFiles.ts';
import { saveSharded, shardedOf } from '../model/shards/writeShards.ts';
import { alone } from '../mpi/ranks.ts';
import { ENTITY_SHARDS } from '../neural/ranks/rankPlan.ts';
import { integerOption, requireDifferentFiles } from './options.ts';
import { requireFileName } from './outputFiles.ts';

/** `ip-insights split`: a model in one file → shards. */
export function splitCommand(): Command {
  return new Command('split')
    .description('Cut a model into shards beside a manifest, as `train --sharded` writes them.')
    .argument('<model>', 'a model that `train` wrote')
    .requiredOption('--shards <n>', `how many, 1 to ${ENTITY_SHARDS}`)
    .requiredOption('--out <file>', 'the manifest; its shards lie beside it')
    .action((path: string, { shards, out }: { shards: string; out: string }) => {
      const count = integerOption('--shards', shards, 1, ENTITY_SHARDS);
      requireDifferentFiles(filesOfModel(path), [['--out', out]]);
      requireFileName(out, 'Shards lie beside their manifest, which is a file.');
      if (isManifest(path)) {
        throw new InputError(
          `${path}: expected a model in one file, got one in shards. Make one first: ip-insights merge ${path} --out FILE.`,
        );
      }
      const sizeBytes = saveSharded(shardedOf(loadModel(path)), out, count, alone('localhost'));
      process.stderr.write(`${out}: ${counted(count, 'shard')}, ${(sizeBytes / 1e6).toFixed(1)} MB\n`);
    });
}

/** `ip-insights merge`: shards → a model in one file. */
export function mergeCommand(): Command {
  return new Command('merge')
    .description('Make one file of a model in shards: the one that `train` would have written.')
    .argument('<model>', 'the manifest of a model in shards')
    .requiredOption('--out <file>', 'the model to write')
    .action((path: string, { out }: { out: string }) => {
      requireDifferentFiles(filesOfModel(path), [['--out', out]]);
      const files = ShardedFiles.open(path);
      if (!files) {
        // Says what is wrong with it, where it is no model either.
        requireOneFile(path);
        throw new InputError(
          `${path}: expected the manifest of a model in shards, got a model in one file. Use it as it is.`,
        );
      }
      const joined = new JoinedShards(files);
      const file = new AtomicFile(out);
      try {
        joined.write((bytes) => file.write(bytes));
        file.commit();
      } finally {
        file.abandon();
      }
      process.stderr.write(
        `${out}: ${(file.sizeBytes / 1e6).toFixed(1)} MB of ${counted(files.count, 'shard')}\n`,
      );
    });
}
