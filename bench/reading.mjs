// node bench/reading.mjs EVENTS.csv
// Reading events from CSV into columns, in process: megabytes and events per second. One JSON object on stdout.
import { statSync } from 'node:fs';
import { readEventFiles } from '../dist/cli/readInput.js';

const [path] = process.argv.slice(2);
if (path === undefined) {
  console.error('reading.mjs: expected a CSV file of events.');
  process.exit(2);
}
const started = performance.now();
const { events } = await readEventFiles([path], { onBadLine: 'error' });
const seconds = (performance.now() - started) / 1000;
console.log(
  JSON.stringify({
    name: 'ip-insights',
    megabytesPerSecond: statSync(path).size / 1e6 / seconds,
    eventsPerSecond: events.count / seconds,
  }),
);
