// The programs that tests run and npm does not carry. On Debian and its kin they are installed; elsewhere, or
// without the right to, this says what to do.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Debian package, the file by which it is recognised, and what needs it. */
const NEEDED = [
  { name: 'chromium', file: '/usr/bin/chromium', reason: 'report and console are tested in a real browser' },
  {
    name: 'python3-boto3',
    file: '/usr/lib/python3/dist-packages/boto3/__init__.py',
    reason: "the server is tested with SageMaker's Python client",
  },
  { name: 'openmpi-bin', file: '/usr/bin/mpirun.openmpi', reason: 'training on several computers is tested' },
  {
    name: 'libmpich12',
    file: `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/libmpich.so.12`,
    reason: 'another MPI is tested to be refused',
  },
  { name: 'nginx', file: '/usr/sbin/nginx', reason: 'a load balancer in front of shards is tested' },
  { name: 'openssh-server', file: '/usr/sbin/sshd', reason: 'the hosts of a job reach each other by ssh' },
  { name: 'openssh-client', file: '/usr/bin/ssh', reason: 'the same' },
  { name: 'slurm-wlm', file: '/usr/sbin/slurmctld', reason: 'its srun and sbatch start ranks and tasks' },
  { name: 'munge', file: '/usr/sbin/munged', reason: 'Slurm needs it' },
  {
    name: 'libpmix-dev',
    file: `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/pmix2/lib/libpmix.so`,
    reason: "Slurm's PMIx opens libpmix.so",
  },
  { name: 'iproute2', file: '/usr/sbin/ip', reason: 'two hosts are made on this machine' },
];

const missing = NEEDED.filter(({ file }) => !existsSync(file));
if (missing.length > 0) install(missing);

function install(packages) {
  const names = packages.map(({ name }) => name);
  const reasons = packages.map(({ name, file, reason }) => `${name} (${reason}; expected as ${file})`);
  const byHand = `apt-get update && apt-get install --no-install-recommends ${names.join(' ')}`;
  if (!existsSync('/usr/bin/apt-get')) {
    fail(
      `this is not Debian: install ${reasons.join(', ')} by the means of this system, then run this again.`,
    );
  }
  const asRoot = process.getuid() === 0 ? [] : ['sudo', '-n'];
  if (asRoot.length > 0 && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status !== 0) {
    fail(`missing: ${reasons.join(', ')}. Run as root: ${byHand}`);
  }
  console.error(`setup: installing ${reasons.join(', ')}`);
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...names],
  ]) {
    const command = [...asRoot, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args];
    if (spawnSync(command[0], command.slice(1), { stdio: ['ignore', 2, 2] }).status !== 0) {
      fail(`"apt-get ${args.join(' ')}" failed; the lines above say why. By hand, as root: ${byHand}`);
    }
  }
  const still = packages.filter(({ file }) => !existsSync(file));
  if (still.length > 0) fail(`installed, yet not found: ${still.map(({ file }) => file).join(', ')}.`);
}

function fail(sentence) {
  console.error(`setup: ${sentence}`);
  process.exit(1);
}
