// node bench/scalePlan.mjs [--events 1e9] [--accounts 2.5e8] [--machines 4,16,64] [--gigabits 10]
// What a training takes on more machines than this one, by the cost model of docs/scale.md, whose constants scale.mjs has measured.
// Markdown on stdout.
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1e9' },
    accounts: { type: 'string', default: '2.5e8' },
    machines: { type: 'string', default: '4,16,64' },
    gigabits: { type: 'string', default: '10' },
    'mini-batch-size': { type: 'string', default: '10000' },
  },
});
const events = Number(values.events);
const accounts = Number(values.accounts);
const batchSize = Number(values['mini-batch-size']);

// Assumptions about the job: each event its own pair of account and place, half of them places nobody else has; default options.
const D = 128;
const PAIRS_OF_POSITIVE = 5;
const EPOCHS = 5;
const EARLY_SHARE = 0.7;
const entityRows = 2 * accounts;
const distinctPlaces = events / 2;
const networkRows = 30e6;

// Assumptions about machines: 16 cores as those measured, the network full both ways, 50 µs until a
// message is there and 5 µs to begin each.
const CORES = 16;
const networkBytesPerSecond = (Number(values.gigabits) * 1e9) / 8;
const LATENCY_SECONDS = 50e-6;
const MESSAGE_SECONDS = 5e-6;
/** Tables far larger than the processor's cache: rows come from memory. */
const CACHE_FACTOR = 2;

// Measured by scale.mjs on 16 cores (docs/scale.md says which run).
const PAIR_SECONDS = 0.89 / 2_056_664; // a whole process with 16 threads
const OWN_BYTES_PER_SECOND = 0.87e9; // packing, adding and waiting, of what a rank sends
const LIST_BYTES_OF_POSITIVE = 129; // lists and sums that all send to all: 1.29 MB of 10,000
const READ_SECONDS = 2.5e-6; // of an event of the rank's share
const FIT_SECONDS = 5e-6; // of an event of the rank's
const FIT_SECONDS_OF_ALL = 2.2e-6; // of an event, whosever it is
const FIT_BYTES = 110; // of a pair, to the rank that adds up its place
const FIT_BYTES_TO_ALL = 20; // of a pair: its place, where it is not somebody else's too, to every rank
const FIT_BYTES_OF_RANK = 56e6; // to every other: the drawn attacks, found by halving among all events
const EVENT_BYTES = 333; // of the rank's own
const PLACE_BYTES = 48; // of everybody's: 24 as they come and 24 put together
const PROCESS_BYTES = 280e6; // of a rank with nothing to do
const ROW_BYTES = D * 4 + 8;

/** Exchanges of a mini-batch in which each rank has a message for each other. */
const EXCHANGES = 3;
/** One array of Node 20 has no more numbers. */
const MOST_ROWS = 2 ** 32 / D;

const plans = values.machines.split(',').map((text) => plan(Number(text)));
const rows = {
  'ranks, threads of each': ({ ranks, threads }) => `${ranks} × ${threads}`,
  'memory of a machine, GB': ({ memory }) => (memory / 1e9).toFixed(0),
  '… entity rows': ({ entities }) => (entities / 1e9).toFixed(1),
  '… events': ({ own }) => (own / 1e9).toFixed(1),
  '… network rows': ({ networks }) => (networks / 1e9).toFixed(1),
  '… places of everybody': ({ places }) => (places / 1e9).toFixed(0),
  'sent by a machine in an epoch, GB': ({ sent }) => (sent / 1e9).toFixed(0),
  'a mini-batch, ms': ({ batch }) => (batch * 1000).toFixed(1),
  '… arithmetic': ({ arithmetic }) => (arithmetic * 1000).toFixed(1),
  '… packing and adding': ({ packing }) => (packing * 1000).toFixed(1),
  '… network': ({ network }) => (network * 1000).toFixed(1),
  'reading and routing, minutes': ({ reading }) => (reading / 60).toFixed(1),
  'the two trainings, hours': ({ training }) => (training / 3600).toFixed(1),
  'fitting the mixture, hours': ({ fitting }) => (fitting / 3600).toFixed(1),
  'together, hours': ({ reading, training, fitting }) => ((reading + training + fitting) / 3600).toFixed(1),
};
console.log(
  `${events.toLocaleString('en')} events of ${accounts.toLocaleString('en')} accounts, mini-batches of ${batchSize.toLocaleString('en')}, ${values.gigabits} Gbit/s\n`,
);
console.log(`| machines | ${plans.map(({ machines }) => machines).join(' | ')} |`);
console.log(`| --- |${' --- |'.repeat(plans.length)}`);
for (const [name, tell] of Object.entries(rows)) console.log(`| ${name} | ${plans.map(tell).join(' | ')} |`);

function plan(machines) {
  // As few ranks as their tables allow, the same on each machine.
  let each = 1;
  while (entityRows / (machines * each) > MOST_ROWS) each *= 2;
  const ranks = machines * each;
  const entities = (entityRows * ROW_BYTES) / machines;
  const own = (events * EVENT_BYTES) / machines;
  const networks = (networkRows * ROW_BYTES) / machines;
  const places = distinctPlaces * PLACE_BYTES * each;
  // With so many accounts each of a mini-batch is another one; its pairs fall to ranks at random.
  const copies = 2 * D * 4 * batchSize * (ranks - 1) * (1 - (1 - 1 / ranks) ** PAIRS_OF_POSITIVE);
  const bytes = copies + LIST_BYTES_OF_POSITIVE * batchSize * (ranks - 1);
  const abroad = ranks === 1 ? 0 : (ranks - each) / (ranks - 1);
  const sentOfBatch = (bytes / machines) * abroad;
  const arithmetic = (batchSize * PAIR_SECONDS * CACHE_FACTOR) / machines;
  const packing = bytes / ranks / OWN_BYTES_PER_SECOND;
  const network =
    sentOfBatch / networkBytesPerSecond + EXCHANGES * (LATENCY_SECONDS + MESSAGE_SECONDS * (ranks - 1));
  const batch = arithmetic + packing + network;
  const batches = Math.ceil(events / batchSize);
  const fitBytes =
    (ranks - 1) * (events * (FIT_BYTES / ranks + FIT_BYTES_TO_ALL) + ranks * FIT_BYTES_OF_RANK);
  const fitNetwork = ((fitBytes / machines) * abroad) / networkBytesPerSecond;
  return {
    ...{ machines, ranks, threads: CORES / each, entities, own, networks, places },
    memory: entities + own + networks + places + PROCESS_BYTES * each,
    sent: sentOfBatch * batches,
    ...{ arithmetic, packing, network, batch },
    reading: (events * READ_SECONDS) / ranks,
    training: batch * batches * EPOCHS * (1 + EARLY_SHARE),
    fitting: (events * FIT_SECONDS) / ranks + events * FIT_SECONDS_OF_ALL + fitNetwork,
  };
}
