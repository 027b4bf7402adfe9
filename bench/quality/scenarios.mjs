// The permanent scenarios: a name always stands for the same commands. Whoever changes one gives it another name, since
// recorded figures of the old one mean nothing for it.
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  DATA,
  makeFolder,
  simulationCommands,
  TUTORIAL_DATA,
  TUTORIAL_OPTIONS,
  tutorialData,
} from '../data.mjs';
import { SPLIT_AT } from '../tutorial.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
/** Where the relays lie, which are no part of the project: from its root. */
const RELAYS = process.env.TOR_RELAYS ?? '../shared/data/tor-relays';

const ASN = ['--asn', 'packaged'];
const PROVIDERS_DATA = { world: 'providers', users: 10_000, splitAt: SPLIT_AT };
/** The same world, of which one minute in five is seen, so that most accounts have fewer than 10 events. */
const SPARSE_DATA = {
  world: 'providers',
  users: 30_000,
  where: ' AND minute(time) < 12',
  splitAt: SPLIT_AT,
};
const PROVIDERS_OPTIONS = [
  ...['--mini-batch-size', '1000', '--learning-rate', '0.01', '--random-negative-sampling-rate', '5'],
  ...['--epochs', '10'],
];
const RELAYS_OPTIONS = [
  ...['--shuffled-negative-sampling-rate', '5', '--mini-batch-size', '1000'],
  ...['--epochs', '5', '--learning-rate', '0.02'],
];

/**
 * data: the commands that make it, none where it is given; folder(): makes it where it is missing, and is undefined where
 * that cannot be; whatToDo: then.
 */
export const SCENARIOS = {
  tutorial: tutorial('tutorial', "AWS's tutorial", TUTORIAL_OPTIONS),
  providers: simulated(
    'providers',
    'providers',
    'scattered ranges, leases, shared addresses, IPv6',
    PROVIDERS_DATA,
    PROVIDERS_OPTIONS,
  ),
  // The world draws its networks from the packaged lists: the table is the right one.
  'providers-asn': simulated(
    'providers-asn',
    'providers',
    'the same with a table of providers',
    PROVIDERS_DATA,
    [...PROVIDERS_OPTIONS, ...ASN],
  ),
  sparse: simulated('sparse', 'sparse', 'that world, accounts of few events', SPARSE_DATA, PROVIDERS_OPTIONS),
  'tor-relays': relays('tor-relays', 'real addresses: public relays', RELAYS_OPTIONS),
  'tor-relays-asn': relays('tor-relays-asn', 'the same with a table of providers', [
    ...RELAYS_OPTIONS,
    ...ASN,
  ]),
  // What most people run: no hyperparameter said.
  'tutorial-defaults': tutorial('tutorial-defaults', "AWS's tutorial by the defaults", []),
  'providers-defaults': simulated(
    'providers-defaults',
    'providers',
    'scattered ranges by the defaults',
    PROVIDERS_DATA,
    [],
  ),
  'sparse-defaults': simulated(
    'sparse-defaults',
    'sparse',
    'accounts of few events by the defaults',
    SPARSE_DATA,
    [],
  ),
  'tor-relays-defaults': relays('tor-relays-defaults', 'public relays by the defaults', []),
};

function tutorial(name, about, options) {
  return {
    about,
    data: simulationCommands(TUTORIAL_DATA),
    folder: () => dirname(tutorialData(1).train),
    ...commands(name, 'train.csv', options, ['--test', 'test.csv', '--truth', 'web.log.truth.jsonl']),
  };
}

function simulated(name, folder, about, world, options) {
  const data = simulationCommands(world);
  return {
    about,
    data,
    folder: () => makeFolder(folder, data),
    ...commands(name, 'train.csv', options, ['--test', 'test.csv']),
  };
}

function relays(name, about, options) {
  return {
    about,
    data: [],
    folder: copyRelays,
    whatToDo: `expected train.csv.gz and test.csv.gz in ${RELAYS}. Name their folder: TOR_RELAYS=FOLDER npm run bench -- quality.`,
    ...commands(name, 'train.csv.gz', options, ['--labelled', 'test.csv.gz']),
  };
}

/** Commands run where their data lies, so they are copied beside what is made of them. */
function copyRelays() {
  const files = ['train.csv.gz', 'test.csv.gz'];
  const given = resolve(root, RELAYS);
  if (!files.every((file) => existsSync(join(given, file)))) return undefined;
  const folder = join(DATA, 'tor-relays');
  mkdirSync(folder, { recursive: true });
  for (const file of files) copyFileSync(join(given, file), join(folder, file));
  return folder;
}

function commands(name, training, options, judged) {
  const model = `${name}.model`;
  const metrics = `${name}.metrics.json`;
  return {
    training,
    metrics,
    train: ['train', training, '--model', model, ...options],
    evaluate: ['evaluate', model, '--train', training, ...judged, '--json', metrics],
  };
}
