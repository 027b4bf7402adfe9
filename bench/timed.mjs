// node bench/timed.mjs COMMAND ARGS…
// Runs a command of ours and prints one JSON object: the events that it says it has read.
import { spawnSync } from 'node:child_process';
import { CLI } from './data.mjs';

const { status, stderr } = spawnSync(process.execPath, [CLI, ...process.argv.slice(2)], {
  encoding: 'utf8',
  maxBuffer: 1 << 26,
});
process.stderr.write(stderr);
const events = /lines: ([\d,]+) events/.exec(stderr)?.[1].replaceAll(',', '');
console.log(JSON.stringify({ events: Number(events) }));
process.exitCode = status ?? 1;
