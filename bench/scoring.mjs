// node bench/scoring.mjs MODEL EVENTS.csv [--kernels auto|plain]
// Scoring in process, on one thread: many events at once (`dotProducts`, and `anomalies` without reasons), one at a time by
// name and text (`score` with reasons, `observe`). One JSON object on stdout; events per second, the median of seven rounds
// over the same events; of `observe` all events once, as each changes the model.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { formatAddress } from '../dist/addresses/address.js';
import { readEventFiles } from '../dist/cli/readInput.js';
import { loadModel } from '../dist/index.js';
import { readModel } from '../dist/model/modelFile.js';

const ROUNDS = 7;
/** Events of one round of `score`, and of `observe`. */
const SINGLE = 300_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kernels: { type: 'string', default: 'auto' } },
});
if (positionals.length !== 2) {
  console.error('scoring.mjs: expected a model and a CSV file of events.');
  process.exit(2);
}
const [modelPath, eventsPath] = positionals;
const model =
  values.kernels === 'plain' ? readModel(readFileSync(modelPath), modelPath) : loadModel(modelPath);
const { events } = await readEventFiles([eventsPath], { onBadLine: 'error' });

let sink = 0;
function perSecond(count, round) {
  const rates = Array.from({ length: ROUNDS + 1 }, () => {
    const started = performance.now();
    round();
    return (1000 * count) / (performance.now() - started);
  }).slice(1);
  return rates.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
}

const many = perSecond(events.count, () => {
  sink += model.dotProducts(events)[events.count - 1];
});
const anomalies = perSecond(events.count, () => {
  sink += model.anomalies(events)[events.count - 1];
});
const singles = Math.min(SINGLE, events.count);
const names = Array.from({ length: singles }, (_, i) => events.entities.name(events.entity[i]));
const texts = Array.from({ length: singles }, (_, i) => formatAddress(events.addresses, i));
const single = perSecond(singles, () => {
  for (let i = 0; i < singles; i++) sink += model.score(names[i], texts[i], 0).reasons.length;
});
const started = performance.now();
for (let i = 0; i < singles; i++) model.observe(names[i], texts[i], events.time[i]);
const observed = (1000 * singles) / (performance.now() - started);
console.log(
  JSON.stringify({
    name: 'ip-insights',
    kernels: values.kernels,
    dotProductsPerSecond: many,
    anomaliesPerSecond: anomalies,
    scoresPerSecond: single,
    observedPerSecond: observed,
    events: events.count,
    sink: Number.isFinite(sink),
  }),
);
