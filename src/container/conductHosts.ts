import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { continuation, latestCheckpoint, NOTHING_KEPT } from '../cli/checkpointFolder.ts';
import { InputError } from '../errors.ts';
import { SIGNAL_EXIT_CODES } from '../files/atomicFile.ts';
import { secondsSetting } from '../mpi/secondsSetting.ts';
import { version } from '../version.ts';
import { inJobWords } from './failure.ts';
import { OtherHosts, type Outcome } from './hostMeeting.ts';
import type { JobHosts } from './jobHosts.ts';
import { STOP_RANKS, STOPPED_AND_KEPT } from './jobKeeper.ts';
import { OPT_ML } from './optMl.ts';
import { makeKeys, makeSecretFolder, programPath, writeClientSettings } from './secureShell.ts';

const MAIN = join(import.meta.dirname, 'main.js');
/** mpirun ends a job one of whose computers is gone within seconds; not so where that is frozen. */
const ENDING_MILLISECONDS = 5000;

/** How long hosts wait for each other, in seconds: instances start minutes apart. @throws InputError */
export const meetingSeconds = (): number => secondsSetting(process.env, 'IP_INSIGHTS_HOSTS_SECONDS', 600);

/** The address of this host on the network of the job. @throws InputError where there is no such network */
export function ownAddress({ networkInterface }: JobHosts): string {
  const all = networkInterfaces();
  const addresses = all[networkInterface!] ?? [];
  const found = addresses.find(({ family }) => family === 'IPv4') ?? addresses[0];
  if (found) return found.address;
  throw new InputError(
    `${OPT_ML.resourceConfig}: expected the name of a network interface as network_interface_name, one of ${Object.keys(all).join(', ')}, got ${networkInterface}. Mend the file.`,
  );
}

/** Called at each signal that asks a process to end. @returns undoes it */
export function onStopSignals(stop: (signal: keyof typeof SIGNAL_EXIT_CODES) => void): () => void {
  const signals = Object.keys(SIGNAL_EXIT_CODES) as (keyof typeof SIGNAL_EXIT_CODES)[];
  for (const signal of signals) process.on(signal, stop);
  return () => {
    for (const signal of signals) process.removeListener(signal, stop);
  };
}

/** The first host of a job: it waits for the others, has mpirun start a rank on each, and tells all how the job has ended. */
export async function conductHosts(hosts: JobHosts): Promise<Outcome> {
  const folder = makeSecretFolder();
  let conductor: Conductor | undefined;
  try {
    const limitSeconds = meetingSeconds();
    const address = ownAddress(hosts);
    programPath('mpirun', 'openmpi-bin');
    conductor = new Conductor(hosts, folder);
    const outcome = await conductor.conduct(address, limitSeconds);
    await conductor.others.end(outcome);
    return outcome;
  } catch (error) {
    const failure = error instanceof InputError ? error.message : String((error as Error).stack ?? error);
    await conductor?.others.end({ status: 1, failure });
    throw error;
  } finally {
    conductor?.leave();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Conductor {
  readonly others: OtherHosts;
  readonly #hosts: JobHosts;
  readonly #folder: string;
  readonly #keyPath: string;
  #ranks: RankProcesses | undefined;
  #stoppedBy: string | undefined;
  /** a host that is gone, in words */
  #gone: string | undefined;
  #end: (outcome: Outcome) => void = () => {};
  /** how the job ends where it is not by the ranks */
  readonly #broken = new Promise<Outcome>((resolve) => {
    this.#end = resolve;
  });
  readonly leave: () => void;

  constructor(hosts: JobHosts, folder: string) {
    this.#hosts = hosts;
    this.#folder = folder;
    const { path, publicKey } = makeKeys(folder, 'first');
    this.#keyPath = path;
    this.others = new OtherHosts(hosts, version, publicKey, {
      onStop: (host, signal) => this.#stop(host, signal),
      onFailure: (failure) => this.#break(failure),
    });
    this.leave = onStopSignals((signal) => this.#stop(hosts.current, signal));
  }

  async conduct(address: string, limitSeconds: number): Promise<Outcome> {
    const { all } = this.#hosts;
    process.stderr.write(`${all.length} hosts: ${all.join(', ')}; waiting for the others\n`);
    const met = this.others.meet(address, limitSeconds).then(() => 'met' as const);
    const first = await Promise.race([met, this.#broken]);
    if (first !== 'met') return first;
    const agent = writeClientSettings(this.#folder, this.#keyPath, this.others.introductions);
    this.#ranks = new RankProcesses(this.#hosts, agent);
    return Promise.race([this.#ranks.outcome.then((end) => this.#outcomeOf(end)), this.#broken]);
  }

  #outcomeOf({ status, failure, last }: RanksEnd): Outcome {
    if (status === 0) return { status: 0 };
    // Ranks, and mpirun, know less of it.
    if (this.#gone !== undefined) return { status: 1, failure: `${this.#gone} ${whatIsKept()}` };
    // A rank may take the launcher's end of a job that was told to stop for news.
    const isStop = failure === undefined || /^rank \d+ \(.*\): stopped by SIGTERM: /.test(failure);
    if (this.#stoppedBy !== undefined && isStop) {
      return { status: status === STOPPED_AND_KEPT ? 0 : SIGNAL_EXIT_CODES.SIGTERM };
    }
    if (failure !== undefined) return { status: 1, failure };
    const said = last === '' ? 'it said nothing' : `it said:\n${last}`;
    return {
      status: 1,
      failure: `${this.#hosts.current}: mpirun ended with ${status ?? 'a signal'}; ${said}`,
    };
  }

  #stop(host: string, signal: string): void {
    if (this.#stoppedBy !== undefined) {
      // Whoever asks twice does not want to wait.
      this.#ranks?.kill('SIGKILL');
      return;
    }
    this.#stoppedBy = signal;
    process.stderr.write(`${signal} on ${host}: the job stops on all hosts\n`);
    if (this.#ranks) this.#ranks.kill(STOP_RANKS);
    else this.#end({ status: SIGNAL_EXIT_CODES.SIGTERM });
  }

  /** A host is gone, or was never there. */
  async #break(failure: string): Promise<void> {
    this.#gone ??= failure;
    const ranks = this.#ranks;
    if (!ranks) {
      this.#end({ status: 1, failure });
      return;
    }
    await Promise.race([ranks.outcome, sleep(ENDING_MILLISECONDS)]);
    ranks.kill('SIGKILL');
  }
}

/** What a job that has broken off says of its checkpoint. */
function whatIsKept(): string {
  const { checkpoints } = OPT_ML;
  return inJobWords(existsSync(checkpoints) ? continuation(latestCheckpoint(checkpoints)) : NOTHING_KEPT);
}

/** How mpirun ended. */
interface RanksEnd {
  /** null: by a signal */
  status: number | null;
  /** what a rank said that it failed by */
  failure: string | undefined;
  /** the last lines of stderr otherwise */
  last: string;
}

const LAST_LINES = 20;

/** mpirun, with a rank on each host. What ranks say goes on to stdout and stderr, but for why they fail. */
class RankProcesses {
  readonly outcome: Promise<RanksEnd>;
  readonly #child: ChildProcess;

  /** @param agent the command that reaches a host */
  constructor({ all, networkInterface }: JobHosts, agent: string) {
    const settings: Record<string, string> = {
      // No other launcher, whatever is installed, and no tree of them: the first host alone has keys.
      plm: 'rsh',
      plm_rsh_agent: agent,
      plm_rsh_no_tree_spawn: '1',
      oob_tcp_if_include: networkInterface!,
      btl_tcp_if_include: networkInterface!,
      pml: 'ob1',
      btl: 'self,tcp',
      oob_tcp_keepalive_time: '30',
      oob_tcp_keepalive_intvl: '10',
      oob_tcp_keepalive_probes: '3',
    };
    const args = [
      ...['-q', '--allow-run-as-root', '-np', String(all.length)],
      ...['--host', all.map((host) => `${host}:1`).join(','), '--map-by', 'node', '--bind-to', 'none'],
      ...Object.entries(settings).flatMap(([name, value]) => ['--mca', name, value]),
      ...[process.execPath, MAIN, 'train'],
    ];
    const { IP_INSIGHTS_MPI: _, ...env } = process.env;
    this.#child = spawn('mpirun', args, { env, stdio: ['ignore', 'inherit', 'pipe'] });
    const failure: string[] = [];
    const last: string[] = [];
    let rest = '';
    const hear = (line: string) => {
      if (failure.length > 0 || /^rank \d+ \(/.test(line)) {
        failure.push(line);
        return;
      }
      process.stderr.write(`${line}\n`);
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
    };
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) hear(line);
    });
    this.outcome = new Promise((resolve) => {
      const end = (status: number | null) => {
        if (rest !== '') hear(rest);
        rest = '';
        const text = failure.length === 0 ? undefined : inJobWords(failure.join('\n').trimEnd());
        resolve({ status, failure: text, last: last.join('\n').trim() });
      };
      this.#child.on('error', (error) => {
        rest = error.message;
        end(null);
      });
      this.#child.on('close', end);
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
