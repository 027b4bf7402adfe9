import { InputError, quoted } from '../errors.ts';

/** A function of MPI: 0 where it was done, else a number that MPI has a sentence for. */
type Call = (...args: unknown[]) => number;
type AsyncCall = (...args: unknown[]) => void;

const SIGNATURES = {
  MPI_Init_thread: ['void *', 'void *', 'int', 'void *'],
  MPI_Finalize: [],
  MPI_Abort: ['void *', 'int'],
  MPI_Comm_rank: ['void *', 'void *'],
  MPI_Comm_size: ['void *', 'void *'],
  MPI_Comm_dup: ['void *', 'void *'],
  MPI_Comm_set_errhandler: ['void *', 'void *'],
  MPI_Error_string: ['int', 'void *', 'void *'],
  MPI_Barrier: ['void *'],
  MPI_Bcast: ['void *', 'int', 'void *', 'int', 'void *'],
  MPI_Allgather: ['void *', 'int', 'void *', 'void *', 'int', 'void *', 'void *'],
  MPI_Allreduce: ['void *', 'void *', 'int', 'void *', 'void *', 'void *'],
  MPI_Alltoall: ['void *', 'int', 'void *', 'void *', 'int', 'void *', 'void *'],
  MPI_Alltoallv: [...Array(4).fill('void *'), ...Array(4).fill('void *'), 'void *'],
  MPI_Sendrecv: [
    ...['void *', 'int', 'void *', 'int', 'int'],
    ...['void *', 'int', 'void *', 'int', 'int'],
    ...['void *', 'void *'],
  ],
  MPI_Isend: ['void *', 'int', 'void *', 'int', 'int', 'void *', 'void *'],
  MPI_Irecv: ['void *', 'int', 'void *', 'int', 'int', 'void *', 'void *'],
  MPI_Test: ['void *', 'void *', 'void *'],
} as const;
type Name = keyof typeof SIGNATURES;

/** Places that Open MPI's mpi.h gives names: macros there. */
export const MPI = {
  threadSerialized: 2,
  threadMultiple: 3,
  procNull: -2,
  statusIgnore: null,
  /** the address 1 */
  inPlace: 1n,
} as const;

/** Where the library is, should it stand in none of the places that the loader looks at. */
const LIBRARY = 'IP_INSIGHTS_MPI_LIBRARY';
/** Open MPI 3 to 5 carry the number 40. */
const NAMES =
  process.platform === 'darwin' ? ['libmpi.40.dylib', 'libmpi.dylib'] : ['libmpi.so.40', 'libmpi.so'];
const HOW_TO_INSTALL =
  'Install Open MPI on every host (Debian and Ubuntu: apt-get install openmpi-bin; Red Hat: dnf install openmpi, then module load mpi)';

/** Longest texts that MPI writes: MPI_MAX_LIBRARY_VERSION_STRING and MPI_MAX_ERROR_STRING of Open MPI, and of MPICH. */
const TEXT_BYTES = 8192;

/** Open MPI's library, called where it lies: nothing is compiled. Each thread has a binding of its own, to the same library. */
export class OpenMpi {
  /** of the library, such as `Open MPI v4.1.4` */
  readonly version: string;
  readonly world: bigint;
  readonly byte: bigint;
  readonly double: bigint;
  readonly int64: bigint;
  readonly sum: bigint;
  readonly errorsReturn: bigint;
  readonly #calls = {} as Record<Name, Call & { async: AsyncCall }>;

  constructor(library: Library, version: string) {
    this.version = version;
    const address = (name: string) => library.symbol(name);
    this.world = address('ompi_mpi_comm_world');
    this.byte = address('ompi_mpi_byte');
    this.double = address('ompi_mpi_double');
    this.int64 = address('ompi_mpi_int64_t');
    this.sum = address('ompi_mpi_op_sum');
    this.errorsReturn = address('ompi_mpi_errors_return');
    for (const [name, args] of Object.entries(SIGNATURES)) {
      this.#calls[name as Name] = library.func(name, 'int', [...args]);
    }
  }

  /** The function itself, for calls that happen often: what it returns is for `check`. */
  get(name: Name): Call {
    return this.#calls[name];
  }

  /** @throws InputError with MPI's sentence where it could not be done */
  call(name: Name, ...args: unknown[]): void {
    this.check(name, this.#calls[name](...args));
  }

  /** Ends all processes of the job; in another thread, as a daemon that no longer answers would block this one. */
  abort(status: number): void {
    this.#calls.MPI_Abort.async(this.world, status, () => {});
  }

  check(name: Name, code: number): void {
    if (code === 0) return;
    const text = new Uint8Array(TEXT_BYTES);
    const length = new Int32Array(1);
    this.#calls.MPI_Error_string(code, text, length);
    const why = new TextDecoder().decode(text.subarray(0, length[0]));
    throw new InputError(`${name}: ${why}. MPI cannot go on; more may stand above, from Open MPI itself.`);
  }
}

/** What is used of koffi's types. */
interface Library {
  symbol(name: string): bigint;
  func(name: string, result: string, args: string[]): Call & { async: AsyncCall };
}

/**
 * Loads koffi and Open MPI.
 * @throws InputError where one of them is missing, or the library is of another MPI
 */
export async function loadOpenMpi(environment: Record<string, string | undefined>): Promise<OpenMpi> {
  const { load } = await loadKoffi();
  const wanted = environment[LIBRARY];
  const names = wanted ? [wanted] : NAMES;
  const failures: string[] = [];
  for (const name of names) {
    let library: Library;
    try {
      // Its plugins look for its symbols among those of the whole process.
      library = load(name, { global: true }) as unknown as Library;
    } catch (error) {
      failures.push((error as Error).message);
      continue;
    }
    return new OpenMpi(library, requireOpenMpi(library, name));
  }
  const found = failures.map((failure) => quoted(failure, 160)).join('; ');
  throw new InputError(
    `${wanted ? LIBRARY : 'MPI'}: expected the library of Open MPI as ${names.join(' or ')}, got ${found}. ${HOW_TO_INSTALL}${wanted ? '' : `, or say where it is: ${LIBRARY}=/opt/openmpi/lib/libmpi.so.40`}.`,
  );
}

async function loadKoffi() {
  try {
    return (await import('koffi')).default;
  } catch (error) {
    const [why] = (error as Error).message.split('\n');
    throw new InputError(
      `MPI: expected the package koffi, which calls it, got ${quoted(why, 160)}. It is optional, and npm leaves it out silently where it fails to install: npm install koffi@3.3.4`,
    );
  }
}

/** @returns the library's version @throws InputError where it is another MPI: its handles are of another kind */
function requireOpenMpi(library: Library, name: string): string {
  let version = 'no function MPI_Get_library_version';
  try {
    const describe = library.func('MPI_Get_library_version', 'int', ['void *', 'void *']);
    const text = new Uint8Array(TEXT_BYTES);
    const length = new Int32Array(1);
    describe(text, length);
    // MPICH: "MPICH Version:\t4.0.2\nMPICH Release date:…"; Open MPI: "Open MPI v4.1.4, package: …"
    [version] = new TextDecoder().decode(text.subarray(0, length[0])).split(/[\n,\0]/);
  } catch {
    // A library that has no such function is no MPI.
  }
  if (version.startsWith('Open MPI')) return version;
  throw new InputError(
    `${name}: expected the library of Open MPI, got ${quoted(version.replace(/\s+/g, ' '), 160)}. ${HOW_TO_INSTALL}, and start with its mpirun.`,
  );
}
