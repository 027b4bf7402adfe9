// node bench/qualityData.mjs --train train.csv --test test.csv --honest honest.csv --attacks attacks.csv
//     [--ranges FILE] [--sample 100000] [--seed 1]
//
// Writes the very rows that `ip-insights evaluate` measures on, for a model of these training events and the same
// --sample and --seed: honest test events, and for each an attack on its account from an announced range. So any
// detector, in any language, can be judged on them. CSV entity,address[,Unix seconds], no header; row k of one file
// belongs to row k of the other. Needs the compiled library: npm run setup.
import { parseArgs } from 'node:util';

const USAGE =
  'Usage: node bench/qualityData.mjs --train FILE --test FILE --honest FILE --attacks FILE [--ranges FILE] [--sample N] [--seed N]';
const OPTIONS = {
  train: { type: 'string' },
  test: { type: 'string' },
  honest: { type: 'string' },
  attacks: { type: 'string' },
  ranges: { type: 'string' },
  sample: { type: 'string', default: '100000' },
  seed: { type: 'string', default: '1' },
};

const library = await importLibrary();
const { InputError, UsageError } = library;

try {
  await main();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(`qualityData: ${error.message}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main() {
  const { train, test, honest, attacks, ranges, sample, seed } = readOptions();
  const { chooseKnownEvents, splitHonestEvents, drawAnnouncedAttacks, selectEvents } = library;
  const rangeList = library.readRangeList(ranges, 'ipv4', '--ranges');
  const dictionary = new library.EntityDictionary();
  const read = async (path) =>
    (await library.readEventFiles([path], { onBadLine: 'error', columns: 'events' }, dictionary)).events;
  const history = await read(train);
  const later = await read(test);

  const isKnown = new Uint8Array(dictionary.count);
  for (let i = 0; i < history.count; i++) isKnown[history.entity[i]] = 1;
  const { events: known, counts } = chooseKnownEvents(later, isKnown, test, train);
  const places = splitHonestEvents(known.count, sample, seed, test);
  const honestEvents = selectEvents(known, places.evaluation);
  const drawn = drawAnnouncedAttacks(honestEvents, rangeList.ranges, seed);
  if (!drawn) throw new InputError(`${rangeList.identity.name}: expected IPv4 ranges, got none.`);

  library.writeFileAtomic(honest, csvOf(honestEvents));
  library.writeFileAtomic(attacks, csvOf(drawn));
  console.error(
    `${honest}, ${attacks}: ${honestEvents.count} rows each, of ${counts.eventsOfKnownAccounts} test events of accounts seen in training (${counts.eventsLeftOut} of others left out); attacks from ${rangeList.identity.name}`,
  );
}

function readOptions() {
  let values;
  try {
    ({ values } = parseArgs({ options: OPTIONS }));
  } catch (error) {
    throw new UsageError(`${error.message}. ${USAGE}`);
  }
  for (const name of ['train', 'test', 'honest', 'attacks']) {
    if (values[name] === undefined) throw new UsageError(`--${name}: expected a file, got nothing. ${USAGE}`);
  }
  const { train, test, honest, attacks, ranges } = values;
  const inputs = [train, test, ...(ranges === undefined ? [] : [ranges])];
  library.requireDifferentFiles(inputs, [
    ['--honest', honest],
    ['--attacks', attacks],
  ]);
  return {
    ...values,
    sample: library.integerOption('--sample', values.sample, 1, 100_000_000),
    seed: library.integerOption('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
  };
}

/** What `evaluate` draws with; parts of the inside, which the package does not export. */
async function importLibrary() {
  const modules = [
    'errors',
    'cli/options',
    'cli/outputFiles',
    'cli/rangeLists',
    'cli/readInput',
    'addresses/address',
    'evaluate/attackers',
    'evaluate/honestSample',
    'events/events',
    'files/atomicFile',
  ];
  try {
    return Object.assign({}, ...(await Promise.all(modules.map((name) => import(`../dist/${name}.js`)))));
  } catch (error) {
    console.error(
      `qualityData: expected the compiled library in dist/, got: ${error.message}. Run "npm run setup" first.`,
    );
    process.exit(1);
  }
}

/** CSV that `readEvents` takes; names with commas, quotes or line ends are quoted (RFC 4180). */
function csvOf(events) {
  const lines = [];
  for (let i = 0; i < events.count; i++) {
    const name = events.entities.name(events.entity[i]);
    const field = /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
    const time = Number.isNaN(events.time[i]) ? '' : `,${events.time[i]}`;
    lines.push(`${field},${library.formatAddress(events.addresses, i)}${time}\n`);
  }
  return lines.join('');
}
