// node bench/tuning/defaults.mjs [--sets=providers,sparse,small,tiny,tor-relays,tutorial] [--seed=1] [NUMBER …]
// Which hyperparameters are good on all the data together: every setting of the list below, or those of the given numbers
// from 1 on, is trained on each set and judged on the validation events after it, by the commands that a user would type.
// Markdown on stdout: for each set and attacker AUC of default score and vectors, of honest events from addresses new to their
// account; then how many times the best one's losses (1 - AUC) each has, as the geometric mean over sets and attackers.
// An hour and a half; half of it without the tutorial. The test events after the validation events are left for
// `npm run bench -- quality`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '../data.mjs';
import { figureOf } from '../quality/checks.mjs';
import { SCENARIOS } from '../quality/scenarios.mjs';
import { table } from '../quality/tables.mjs';
import { parts, split } from './parts.mjs';

/** R, S: random and shuffled pairs for each observed one; B: mini-batch size; D: dimensions. */
const setting = (R, S, B, rate, epochs, { decay = 1e-5, D = 128 } = {}) => ({
  name: [
    `R ${R}, S ${S}, B ${B}, rate ${rate}, ${epochs} epochs`,
    ...(decay === 1e-5 ? [] : [`decay ${decay}`]),
    ...(D === 128 ? [] : [`D ${D}`]),
  ].join(', '),
  options: {
    ...{ 'random-negative-sampling-rate': R, 'shuffled-negative-sampling-rate': S },
    ...{ 'mini-batch-size': B, 'learning-rate': rate, epochs, 'weight-decay': decay },
    'vector-dim': D,
  },
});
/** The first are AWS's defaults, those of its tutorial, ours; then others around them. */
const SETTINGS = [
  setting(1, 1, 10_000, 0.001, 10),
  setting(5, 1, 1000, 0.01, 5),
  setting(3, 1, 1000, 0.03, 5),
  setting(1, 1, 1000, 0.03, 5),
  setting(1, 5, 1000, 0.02, 5),
  setting(4, 4, 1000, 0.01, 3),
  setting(4, 4, 1000, 0.02, 5),
  setting(4, 4, 300, 0.02, 3),
  setting(3, 2, 1000, 0.03, 4),
  setting(2, 2, 1000, 0.02, 5),
  setting(2, 2, 200, 0.02, 4),
  setting(2, 2, 1000, 0.03, 4),
  setting(2, 2, 1000, 0.03, 5),
  setting(2, 2, 1000, 0.05, 4),
  setting(1, 1, 500, 0.02, 4),
  setting(1, 2, 1000, 0.03, 5),
  setting(1, 1, 1000, 0.02, 5),
  setting(1, 1, 1000, 0.05, 5),
  setting(1, 1, 1000, 0.03, 3),
  setting(1, 1, 1000, 0.03, 10),
  setting(1, 1, 500, 0.03, 5),
  setting(1, 1, 2000, 0.03, 5),
  setting(1, 1, 1000, 0.03, 5, { decay: 0 }),
  setting(1, 1, 1000, 0.03, 5, { decay: 1e-4 }),
  setting(1, 1, 1000, 0.03, 5, { D: 64 }),
  setting(1, 1, 1000, 0.03, 5, { D: 256 }),
  setting(5, 1, 1000, 0.01, 10),
  setting(5, 1, 1000, 0.03, 5),
  setting(5, 5, 1000, 0.03, 5),
  setting(3, 3, 1000, 0.03, 7),
  setting(3, 2, 1000, 0.02, 10),
  setting(2, 2, 1000, 0.03, 10),
  setting(5, 2, 1000, 0.02, 10),
  setting(5, 2, 1000, 0.03, 5),
];
/** Sets of one in so many accounts of `providers`. */
const SHARES = { small: 30, tiny: 300 };
const SETS = ['providers', 'sparse', ...Object.keys(SHARES), 'tor-relays', 'tutorial'];
const ATTACKERS = ['swap', 'announced', 'octets', 'same_provider'];
/** Of honest events those from addresses new to their account: of others the history alone knows enough. */
const HONEST_KIND = 'new_address';
const DETECTORS = ['mixture', 'neural'];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { sets: { type: 'string', default: SETS.join(',') }, seed: { type: 'string', default: '1' } },
});
const settings = positionals.length > 0 ? positionals.map((number) => SETTINGS[number - 1]) : SETTINGS;
const all = [];
for (const set of options.sets.split(',')) {
  const data = await dataOf(set);
  const judged = settings.map(({ name, options: values }) => ({ set, name, ...judge(values, data) }));
  all.push(...judged);
  const rows = judged.map(({ name, figures, seconds }) => [
    name,
    ...figures.map((figure) => figure.toFixed(4)),
    seconds,
  ]);
  console.log(`### ${set}\n\n${table(['', ...columnsOf(), 's'], rows)}\n`);
}
summarize();

function columnsOf() {
  return ATTACKERS.flatMap((attacker) => [`${attacker}: mixture`, 'vectors']);
}

function judge(values, { folder, train, valid }) {
  const given = Object.entries(values).flatMap(([option, value]) => [`--${option}`, String(value)]);
  const began = performance.now();
  run(['train', train, '--model', 'defaults.model', '--seed', options.seed, ...given], folder);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  run(['evaluate', 'defaults.model', '--train', train, '--test', valid, '--json', 'defaults.json'], folder);
  const { attackers } = JSON.parse(readFileSync(join(folder, 'defaults.json'), 'utf8'));
  const figures = ATTACKERS.flatMap((attacker) => {
    const comparison = attackers.find((one) => one.attacker === attacker && one.honest_kind === HONEST_KIND);
    return DETECTORS.map((detector) => figureOf(comparison, detector, 'auc'));
  });
  return { figures, seconds };
}

function summarize() {
  const sets = [...new Set(all.map(({ set }) => set))];
  const rows = settings.map(({ name }) => {
    const ratios = DETECTORS.map((_, detector) =>
      ATTACKERS.flatMap((_, k) => sets.map((set) => lossRatio(set, name, DETECTORS.length * k + detector))),
    );
    return [name, ...ratios.map(geometricMean), geometricMean(ratios.flat())];
  });
  const title = "### Losses, as so many times the best setting's, on all sets";
  console.log(`${title}\n\n${table(['', 'mixture', 'vectors', 'all'], rows)}`);
}

/** Of a setting to the best one of the set. */
function lossRatio(set, name, column) {
  const ofSet = all.filter((one) => one.set === set);
  const least = Math.min(...ofSet.map(({ figures }) => 1 - figures[column]));
  return (1 - ofSet.find((one) => one.name === name).figures[column]) / least;
}

function geometricMean(ratios) {
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length).toFixed(3);
}

async function dataOf(set) {
  if (set in SHARES) return someAccounts(set);
  const folder = SCENARIOS[set].folder();
  if (folder === undefined) {
    console.error(`bench: ${set}: ${SCENARIOS[set].whatToDo}`);
    process.exit(1);
  }
  const [train, valid] = await parts(set, folder);
  return { folder, train, valid };
}

async function someAccounts(set) {
  const { folder, train, valid } = await dataOf('providers');
  const made = [`${set}.train.csv`, `${set}.valid.csv`];
  const isWanted = ([account]) => Number(/\d+/.exec(account)[0]) % SHARES[set] === 0;
  for (const [k, from] of [train, valid].entries())
    await split(join(folder, from), folder, [[made[k], '9']], isWanted);
  return { folder, train: made[0], valid: made[1] };
}
