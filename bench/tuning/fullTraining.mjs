// node bench/tuning/fullTraining.mjs TUNING.json TRAIN VALIDATION [CURVES.json]
// What early stopping has saved and lost: every setting that a search has tried, trained to its end. One JSON object on
// stdout: the best value of both and the share of the time, by the seconds of this run alone, since a search that runs two
// trials at a time has other seconds. Needs the compiled library: npm run setup.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { readEventFiles } from '../../dist/cli/readInput.js';
import { HYPERPARAMETERS } from '../../dist/neural/hyperparameters.js';
import { parseObjective } from '../../dist/tune/objectives.js';
import { TrialGround } from '../../dist/tune/trialTraining.js';

const [tuningPath, trainPath, validationPath, curvesPath] = process.argv.slice(2);
const tuning = JSON.parse(readFileSync(tuningPath, 'utf8'));
const objective = parseObjective(tuning.objective.name);
const { events: train } = await readEventFiles([trainPath], { onBadLine: 'error' });
const { events: validation } = await readEventFiles([validationPath], { onBadLine: 'error' });
const ground = new TrialGround(train, validation, objective, {
  ...{ seed: tuning.seed, sampleSize: 100_000, validationName: validationPath },
});

const curves = [];
for (const trial of tuning.trials) {
  const setting = ours({ ...tuning.fixed, ...trial.hyperparameters });
  const values = [];
  const seconds = [];
  const began = performance.now();
  try {
    await ground.train(setting, availableParallelism(), {
      onEpoch: (value) => {
        values.push(value);
        seconds.push((performance.now() - began) / 1000);
        return true;
      },
    });
  } catch (error) {
    console.error(`trial ${trial.trial}: ${error.message}`);
  }
  console.error(`trial ${trial.trial} of ${tuning.trials.length}: ${values.at(-1)?.toFixed(6)}`);
  curves.push({ trial: trial.trial, stoppedAfter: trial.objective_by_epoch.length, values, seconds });
}
if (curvesPath) writeFileSync(curvesPath, JSON.stringify(curves));
const whole = curves.filter(({ values }) => values.length > 0);
const isBetter = (a, b) => (objective.direction === 'maximise' ? a > b : a < b);
const bestOf = (values) => values.reduce((best, value) => (isBetter(value, best) ? value : best));
const spent = whole.reduce((sum, { seconds, stoppedAfter }) => sum + (seconds[stoppedAfter - 1] ?? 0), 0);
const full = whole.reduce((sum, { seconds }) => sum + seconds.at(-1), 0);
console.log(
  JSON.stringify({
    objective: objective.name,
    trials: whole.length,
    bestOfAll: bestOf(whole.map(({ values }) => values.at(-1))),
    bestOfSearch: tuning.best.objective,
    secondsOfSearch: spent,
    secondsOfAll: full,
    shareOfTime: spent / full,
    shareOfEpochs: tuning.counts.epochs_trained / tuning.counts.epochs_whole,
  }),
);

/** Hyperparameters under our names. */
function ours(given) {
  return Object.fromEntries(
    HYPERPARAMETERS.filter(({ awsName }) => awsName in given).map(({ name, awsName }) => [
      name,
      given[awsName],
    ]),
  );
}
