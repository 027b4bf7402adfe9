/**
 * Two hosts on this machine: each with a name, a network of its own and an Ethernet cable between them. Files are the same. Needs
 * root, as making networks does. Tests only; not part of the package.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A host: its namespaces last as long as the process that holds them. */
export class SampleHost {
  readonly name: string;
  readonly address: string;
  readonly #holder: ChildProcess;

  constructor(name: string, address: string, holder: ChildProcess) {
    this.name = name;
    this.address = address;
    this.#holder = holder;
  }

  get pid(): number {
    return this.#holder.pid!;
  }

  /** A command as it is run on this host. */
  inside(...command: string[]): string[] {
    return ['nsenter', '--target', String(this.pid), '--net', '--uts', '--mount', '--', ...command];
  }

  /**
   * The same as process 1, as an engine starts a container: when it ends, so does whatever it has started. Signals go to the child
   * of the process that this starts. It ends with whoever starts it.
   */
  contained(...command: string[]): string[] {
    const unshare = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--'];
    return ['setpriv', '--pdeathsig', 'KILL', ...this.inside(...unshare, ...command)];
  }

  /** Everything that runs on this host, but what holds it. */
  processes(): number[] {
    const network = networkOf(this.pid);
    return readdirSync('/proc')
      .filter(
        (name) => /^\d+$/.test(name) && Number(name) !== this.pid && networkOf(Number(name)) === network,
      )
      .map(Number);
  }

  /** To everything that runs on this host. */
  signal(signal: NodeJS.Signals): void {
    for (const pid of this.processes()) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  /** Unplugs the cable. */
  unplug(): void {
    run(this.inside('ip', 'link', 'set', 'eth0', 'down'));
  }

  end(): void {
    this.signal('SIGKILL');
    this.#holder.kill('SIGKILL');
  }
}

/** The network that a process is in; undefined where there is no such process. */
function networkOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** The child of a process: what `unshare --fork` has started. */
export function childOf(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  return Number(child);
}

/**
 * Makes two hosts, which know each other by name, on a network eth0.
 * @param folder for what they need
 */
export async function makeHosts(names: [string, string], folder: string): Promise<[SampleHost, SampleHost]> {
  const addresses = ['10.91.7.1', '10.91.7.2'];
  const table = join(folder, 'hosts');
  const entries = names.map((name, i) => `${addresses[i]} ${name}\n`);
  writeFileSync(table, `127.0.0.1 localhost\n${entries.join('')}`);
  const start = async (name: string, i: number) => {
    const script =
      'hostname "$1" && mount --bind "$2" /etc/hosts && ip link set lo up && echo up && exec cat';
    const args = ['--net', '--uts', '--mount', 'sh', '-c', script, 'sh', name, table];
    // Its stdin ends with the process of the test, however that ends.
    const holder = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let why = '';
    holder.stderr!.on('data', (text) => {
      why += text;
    });
    const isUp = await Promise.race([
      once(holder.stdout!, 'data').then(() => true),
      once(holder, 'close').then(() => false),
      once(holder, 'error').then(([error]) => {
        why += error;
        return false;
      }),
    ]);
    if (!isUp) {
      throw new Error(
        `no host can be made here: ${why.trim()}. Run the tests as root, where networks can be made (unshare --net --uts --mount; in a container: --cap-add SYS_ADMIN --cap-add NET_ADMIN), with the package iproute2.`,
      );
    }
    return new SampleHost(name, addresses[i], holder);
  };
  const [one, other] = await Promise.all(names.map(start));
  const ends = ['ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns'];
  run(one.inside(...ends, String(other.pid)));
  for (const host of [one, other]) {
    run(host.inside('ip', 'address', 'add', `${host.address}/24`, 'dev', 'eth0'));
    run(host.inside('ip', 'link', 'set', 'eth0', 'up'));
  }
  return [one, other];
}

function run([command, ...args]: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
