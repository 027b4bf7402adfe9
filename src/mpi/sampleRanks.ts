/** Jobs of several ranks, by the real mpirun. Tests only; not part of the package. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const DRILL = 'ranksDrill.js';

export interface JobResult {
  /** of mpirun */
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** lines of stderr that are ours */
  told: string[];
  seconds: number;
}

export interface JobOptions {
  env?: NodeJS.ProcessEnv;
  /** a limit for a job that hangs; its processes are ended */
  timeoutSeconds?: number;
  /** another way to start the same, such as a shell */
  command?: string[];
  /** where the compiled drill is, should it be a copy */
  folder?: string;
  /** what is run in place of Node, for a script */
  program?: string;
  cwd?: string;
  /** another drill */
  file?: string;
  /**
   * Two computers, as mpirun takes them: the last rank has a daemon of its own, which this program starts here: HOST COMMAND…
   * For two ranks: where one of them has two, they take shared memory for their own that the other daemon clears away.
   */
  agent?: string;
}

/** The environment of a process that no launcher started, whatever started the tests. */
export function plainEnvironment(changes: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(OMPI_|PMIX_|PMI_|SLURM_|IP_INSIGHTS_)/.test(name),
  );
  return { ...Object.fromEntries(own), ...changes };
}

/** Runs a drill on `size` ranks of this computer, however many cores it has. */
export function runJob(size: number, drill: string[], options: JobOptions = {}): Promise<JobResult> {
  const node = options.command ?? [process.execPath];
  const mpirun = ['--allow-run-as-root', '--oversubscribe', '-np', String(size)];
  if (options.agent) mpirun.push(...twoComputers(size, options.agent));
  const file = options.file ?? join(options.folder ?? import.meta.dirname, DRILL);
  return run('mpirun', [...mpirun, ...node, file, ...drill], options);
}

const twoComputers = (size: number, agent: string) => [
  ...['--host', `localhost:${size - 1},another-computer:1`, '--mca', 'plm_rsh_agent', agent],
  ...['--mca', 'oob_tcp_if_include', 'lo', '--mca', 'btl_tcp_if_include', 'lo'],
];

/** Runs a script of Node's on `size` ranks, each with the same arguments. */
export function runScript(size: number, script: string[], options: JobOptions = {}): Promise<JobResult> {
  const mpirun = ['-q', '--allow-run-as-root', '--oversubscribe', '-np', String(size)];
  return run('mpirun', [...mpirun, options.program ?? process.execPath, ...script], options);
}

/** Runs a drill without a launcher. */
export function runDrill(drill: string[], options: JobOptions = {}): Promise<JobResult> {
  return run(process.execPath, [options.file ?? join(import.meta.dirname, DRILL), ...drill], options);
}

async function run(command: string, args: string[], options: JobOptions): Promise<JobResult> {
  const started = performance.now();
  const child = spawn(command, args, {
    env: plainEnvironment(options.env),
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: (options.timeoutSeconds ?? 120) * 1000,
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const { status, signal } = await new Promise<Pick<JobResult, 'status' | 'signal'>>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal }));
  });
  const told = stderr.split('\n').filter((line) => /^(\d+ )?rank \d+ \(/.test(line));
  return { status, signal, stdout, stderr, told, seconds: (performance.now() - started) / 1000 };
}
