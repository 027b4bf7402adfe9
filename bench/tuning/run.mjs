// node bench/tuning/run.mjs [--seeds=40]
// How near searches come to the minimum of known functions: median over seeds of what is left, by strategy, after so many
// trials, and, of functions that are learned epoch by epoch, after the epochs of so many whole trainings. Markdown on
// stdout. Exit code 1 where the Parzen estimator's median is above that of random points after 30 trials or more. Two
// minutes, no data.
import { parseArgs } from 'node:util';
import { ParzenSampler } from '../../dist/tune/parzenSampler.js';
import { RandomSampler } from '../../dist/tune/randomSampler.js';
import { SAMPLE_CURVES, SAMPLE_FUNCTIONS } from '../../dist/tune/sampleFunctions.js';
import { medianOf, regretsOf, searchCurves } from '../../dist/tune/sampleSearch.js';
import { SearchSpace } from '../../dist/tune/searchSpace.js';
import { Hyperband, NoEarlyStopping, SuccessiveHalving } from '../../dist/tune/successiveHalving.js';
import { machine } from '../rounds.mjs';

const TRIALS = [10, 20, 30, 50, 100];
/** Whole trainings in whose epochs searches of curves are compared. */
const TRAININGS = [10, 20, 30];
/** From so many on the model must be worth it. */
const MUST_WIN = 30;
const SAMPLERS = { random: RandomSampler, TPE: ParzenSampler };
const STOPPINGS = {
  '': () => new NoEarlyStopping(),
  ' + ASHA': (epochs) => SuccessiveHalving.forEpochs(epochs),
  ' + Hyperband': (epochs) => Hyperband.forEpochs(epochs),
};

const seeds = readSeeds();
console.log(`${new Date().toISOString().slice(0, 10)}, ${machine()}, median over ${seeds.length} seeds\n`);
let isWorse = false;
flat();
for (const workers of [1, 4]) curves(workers);
process.exitCode = isWorse ? 1 : 0;

function readSeeds() {
  const { values } = parseArgs({ options: { seeds: { type: 'string', default: '40' } } });
  const count = Number(values.seeds);
  if (!Number.isInteger(count) || count < 1) {
    console.error(`bench: --seeds: expected an integer of at least 1, got ${values.seeds}.`);
    process.exit(2);
  }
  return [...Array(count).keys()];
}

function flat() {
  console.log('### Loss above the minimum, after trials\n');
  printHead(['function', 'strategy', ...TRIALS]);
  for (const [name, f] of Object.entries(SAMPLE_FUNCTIONS)) {
    const space = new SearchSpace(f.dimensions);
    const medians = Object.values(SAMPLERS).map((Kind) => {
      const runs = seeds.map((seed) => regretsOf(f, new Kind(space, seed), Math.max(...TRIALS)));
      return TRIALS.map((trials) => medianOf(runs.map((regrets) => regrets[trials - 1])));
    });
    for (const [k, strategy] of Object.keys(SAMPLERS).entries()) {
      printRow([k === 0 ? name : '', strategy, ...medians[k].map(figure)]);
    }
    const [random, parzen] = medians;
    for (const [i, trials] of TRIALS.entries()) {
      if (trials < MUST_WIN || parzen[i] <= random[i]) continue;
      isWorse = true;
      console.error(`bench: ${name}: TPE is worse than random points after ${trials} trials.`);
    }
  }
  console.log();
}

function curves(workers) {
  console.log(`### Loss above the minimum, after the epochs of whole trainings, ${workers} at a time\n`);
  const reached = TRAININGS.map((n) => `${n} random ones: reached in`);
  printHead(['curves', 'strategy', ...TRAININGS, ...reached]);
  for (const [name, one] of Object.entries(SAMPLE_CURVES)) {
    let randomMedians;
    for (const [sampler, Kind] of Object.entries(SAMPLERS)) {
      for (const [stopping, make] of Object.entries(STOPPINGS)) {
        const medianAfter = searches(one, Kind, make, workers);
        const medians = TRAININGS.map((n) => medianAfter(n * one.epochs));
        randomMedians ??= medians;
        const shares = reached.map((_, i) => {
          const whole = TRAININGS[i] * one.epochs;
          for (let epochs = 1; epochs <= whole; epochs++) {
            if (medianAfter(epochs) <= randomMedians[i]) return `${Math.ceil((100 * epochs) / whole)} %`;
          }
          return 'not yet';
        });
        const isFirst = sampler === 'random' && stopping === '';
        printRow([isFirst ? name : '', sampler + stopping, ...medians.map(figure), ...shares]);
      }
    }
  }
  console.log();
}

/** The median loss above the minimum after so many epochs of all workers. */
function searches(one, Kind, makeStopping, workers) {
  const space = new SearchSpace(one.dimensions);
  const most = Math.max(...TRAININGS) * one.epochs;
  const runs = seeds.map((seed) => {
    // Trials without end: the epochs end it.
    const limits = { trials: 1000, epochs: most, workers };
    return searchCurves(one, new Kind(space, seed), makeStopping(one.epochs), limits);
  });
  return (epochs) =>
    medianOf(
      runs.map(
        (progress) => progress.findLast((at) => at.epochs <= epochs)?.regret ?? Number.POSITIVE_INFINITY,
      ),
    );
}

function figure(value) {
  return value === Number.POSITIVE_INFINITY ? '–' : String(Number(value.toPrecision(2)));
}

function printHead(cells) {
  printRow(cells);
  printRow(cells.map(() => '---'));
}

function printRow(cells) {
  console.log(`| ${cells.join(' | ')} |`);
}
