// node bench/ranks.mjs [--rounds 3] [--ranks 2]
// What an exchange between ranks on one computer costs (src/mpi): one block to each other rank and one from it. Beside it
// MPI called without threads and watch, and the limit: two threads of one process that copy from shared memory between two
// barriers of a crew. Each in fresh processes and in turns; one line per size on stdout.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { CrewMember, createControl } from '../dist/kernels/crew.js';
import { loadOpenMpi } from '../dist/mpi/openMpi.js';
import { runRanks } from '../dist/mpi/runRanks.js';
import { machine, median } from './rounds.mjs';

const here = fileURLToPath(import.meta.url);
const SIZES = [8, 1024, 65_536, 1_048_576, 16_777_216];
/** Seconds that a size is measured for, after a tenth of it for warming up. */
const SECONDS = 0.5;

/** Microseconds of one call. All ranks must call equally often, so the first one says how often. */
function timed(call, agree) {
  const often = (times) => {
    const started = performance.now();
    for (let k = 0; k < times; k++) call();
    return (performance.now() - started) / 1000;
  };
  often(3);
  let times = 1;
  let seconds = 0;
  while (seconds < SECONDS / 10) {
    times = agree(Math.ceil(times * 3));
    seconds = agree(often(times));
  }
  times = agree(Math.max(3, Math.round((times * SECONDS) / seconds)));
  return (often(times) * 1e6) / times;
}

const shared = (bytes) => new Uint8Array(new SharedArrayBuffer(bytes));

const VARIANTS = {
  async ranks() {
    await runRanks('bench', async (ranks) => {
      const agree = (value) => {
        const number = ranks.broadcast(new Uint8Array(Float64Array.of(value).buffer), 0);
        return new Float64Array(number.buffer)[0];
      };
      tell(ranks.rank, (bytes) => {
        const counts = Array(ranks.size).fill(bytes);
        const [out, into] = [shared(bytes * ranks.size), shared(bytes * ranks.size)];
        return timed(() => ranks.allToAll(out, counts, into, counts), agree);
      });
    });
  },

  /** The same function of MPI, started for one thread. */
  async bare() {
    const mpi = await loadOpenMpi(process.env);
    mpi.call('MPI_Init_thread', null, null, 0, new Int32Array(1));
    const [rank, size] = [new Int32Array(1), new Int32Array(1)];
    mpi.call('MPI_Comm_rank', mpi.world, rank);
    mpi.call('MPI_Comm_size', mpi.world, size);
    const agree = (value) => {
      const number = Float64Array.of(value);
      mpi.call('MPI_Bcast', number, 8, mpi.byte, 0, mpi.world);
      return number[0];
    };
    const allToAllv = mpi.get('MPI_Alltoallv');
    tell(rank[0], (bytes) => {
      const counts = new Int32Array(size[0]).fill(bytes);
      const places = counts.map((_, other) => other * bytes);
      const [out, into] = [shared(bytes * size[0]), shared(bytes * size[0])];
      return timed(
        () => allToAllv(out, counts, places, mpi.byte, into, counts, places, mpi.byte, mpi.world),
        agree,
      );
    });
    mpi.call('MPI_Finalize');
  },

  /** Two threads of one process. */
  async crew() {
    const control = createControl();
    const largest = SIZES.at(-1);
    const board = new SharedArrayBuffer(2 * largest + 8);
    for (const index of [0, 1]) {
      const worker = new Worker(here, { workerData: { control, board, index } });
      worker.on('message', (line) => console.log(line));
    }
  },
};

function tell(rank, measure) {
  // The first one pays for what starts meanwhile.
  measure(SIZES[0]);
  for (const bytes of SIZES) {
    const microseconds = measure(bytes);
    if (rank === 0) console.log(JSON.stringify({ bytes, microseconds }));
  }
}

function crewThread({ control, board, index }) {
  const member = new CrewMember(control, index, 2);
  const largest = SIZES.at(-1);
  const own = (of, bytes) => new Uint8Array(board, of * largest, bytes);
  const agreed = new Float64Array(board, 2 * largest, 1);
  const agree = (value) => {
    if (index === 0) agreed[0] = value;
    member.barrier();
    const number = agreed[0];
    member.barrier();
    return number;
  };
  for (const [place, bytes] of [SIZES[0], ...SIZES].entries()) {
    const into = shared(bytes);
    const microseconds = timed(() => {
      member.barrier();
      into.set(own(1 - index, bytes));
      member.barrier();
    }, agree);
    if (index === 0 && place > 0) parentPort.postMessage(JSON.stringify({ bytes, microseconds }));
  }
}

if (!isMainThread) {
  crewThread(workerData);
} else if (process.argv[2] in VARIANTS) {
  await VARIANTS[process.argv[2]]();
} else {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '3' }, ranks: { type: 'string', default: '2' } },
  });
  const mpirun = ['mpirun', '--allow-run-as-root', '--oversubscribe', '-np', values.ranks];
  const found = Object.fromEntries(Object.keys(VARIANTS).map((name) => [name, new Map()]));
  for (let round = 0; round < Number(values.rounds); round++) {
    const order = Object.keys(VARIANTS);
    for (const name of round % 2 === 0 ? order : order.reverse()) {
      const [program, ...args] = [...(name === 'crew' ? [] : mpirun), process.execPath, here, name];
      const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 300_000 });
      if (status !== 0) throw new Error(`${name}: ${stderr}`);
      for (const line of stdout.trim().split('\n')) {
        const { bytes, microseconds } = JSON.parse(line);
        found[name].set(bytes, [...(found[name].get(bytes) ?? []), microseconds]);
      }
    }
  }
  console.log(
    `${machine()}; ${values.ranks} ranks; microseconds, median (minimum) of ${values.rounds} rounds`,
  );
  for (const bytes of SIZES) {
    const shown = Object.keys(VARIANTS).map((name) => {
      const rounds = found[name].get(bytes);
      const rate = (bytes * (name === 'crew' ? 1 : Number(values.ranks) - 1)) / Math.min(...rounds) / 1000;
      return `${name} ${median(rounds).toFixed(1)} (${Math.min(...rounds).toFixed(1)}, ${rate.toFixed(2)} GB/s each way)`;
    });
    console.log(`${bytes} B: ${shown.join('; ')}`);
  }
}
