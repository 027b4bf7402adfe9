import { spawnSync } from 'node:child_process';

/** Runs a command whose output is shown only where it fails. @returns its stdout */
export function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  });
  if (error) throw new Error(`cannot start ${command}: ${error.message}`);
  if (status !== 0) {
    throw new Error(`"${command} ${args.join(' ')}" ended with ${status}:\n${stdout ?? ''}${stderr ?? ''}`);
  }
  return stdout;
}

/** Runs something and says how long it took. */
export function timed(title, work) {
  const started = performance.now();
  const result = work();
  console.log(`${title}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}

/** Size of a folder on the disk, in bytes; what is mounted in it does not count. */
export const sizeOf = (folder) => Number(run('du', ['-sx', '--block-size=1', folder]).split('\t')[0]);

export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
