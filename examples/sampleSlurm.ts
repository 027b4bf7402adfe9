/**
 * Debian's Slurm on this machine: one node, with a network, a name and process numbers of its own, that are gone with it. Needs root. Tests
 * only; not part of the package.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ADDRESS = '10.91.8.1';

const settings = (folder: string) => `ClusterName=one
SlurmctldHost=node-1(${ADDRESS})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${folder}/munge.socket
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
ReturnToService=2
MailProg=/bin/true
NodeName=node-1 NodeAddr=${ADDRESS} CPUs=8 RealMemory=16000 State=UNKNOWN
PartitionName=all Nodes=node-1 Default=YES State=UP
`;

const START = `set -e
hostname node-1
mount --bind "$1/hosts" /etc/hosts
ip link set lo up
ip link add eth0 type veth peer name eth1
ip address add ${ADDRESS}/24 dev eth0
ip link set eth0 up
ip link set eth1 up
cd "$1"
munged --force --key-file="$1/munge.key" --socket="$1/munge.socket" --pid-file="$1/munged.pid" --log-file="$1/munged.log" --seed-file="$1/munge.seed"
export SLURM_CONF="$1/slurm.conf"
slurmctld
slurmd
for i in $(seq 100); do
  if sinfo --noheader --format=%T | grep -q idle; then echo up; exec cat; fi
  sleep 0.2
done
sinfo >&2
tail -n 20 slurmctld.log slurmd.log >&2
exit 1
`;

/** What a command has said. */
export interface Said {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** A cluster of one node. */
export class SampleSlurm {
  readonly #folder: string;
  readonly #holder: ChildProcess;

  private constructor(folder: string, holder: ChildProcess) {
    this.#folder = folder;
    this.#holder = holder;
  }

  /** @param folder empty, for its files */
  static async start(folder: string): Promise<SampleSlurm> {
    for (const name of ['state', 'spool']) mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'slurm.conf'), settings(folder));
    writeFileSync(join(folder, 'hosts'), `127.0.0.1 localhost\n${ADDRESS} node-1\n`);
    writeFileSync(join(folder, 'munge.key'), randomBytes(1024), { mode: 0o600 });
    const spaces = ['--net', '--uts', '--pid', '--mount', '--fork', '--kill-child', '--mount-proc'];
    // Its stdin ends with the process of the test, however that ends.
    const holder = spawn('unshare', [...spaces, 'sh', '-c', START, 'sh', folder], { stdio: 'pipe' });
    let why = '';
    holder.stderr.on('data', (text) => {
      why += text;
    });
    const isUp = await Promise.race([
      once(holder.stdout, 'data').then(() => true),
      once(holder, 'close').then(() => false),
      once(holder, 'error').then(() => false),
    ]);
    if (!isUp) {
      throw new Error(
        `no Slurm can be started here: ${why.trim()}. Run the tests as root, where networks can be made (in a container: --cap-add SYS_ADMIN --cap-add NET_ADMIN), with the packages slurm-wlm, munge, libpmix-dev and iproute2.`,
      );
    }
    return new SampleSlurm(folder, holder);
  }

  /** Runs a command on the node, in a folder. */
  run(cwd: string, environment: NodeJS.ProcessEnv, command: string[]): Said {
    const { pid } = this.#holder;
    const [node] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    const spaces = ['--target', node, '--net', '--uts', '--mount', '--pid'];
    const args = [...spaces, '--', 'sh', '-c', 'cd "$0" && exec "$@"', cwd, ...command];
    const env = { ...environment, SLURM_CONF: join(this.#folder, 'slurm.conf') };
    const { status, stdout, stderr } = spawnSync('nsenter', args, {
      env,
      encoding: 'utf8',
      timeout: 120_000,
    });
    return { status, stdout, stderr };
  }

  end(): void {
    this.#holder.kill('SIGKILL');
  }
}
