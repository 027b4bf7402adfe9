// Builds the image without a container engine and runs it as SageMaker would: for machines that have no Docker, and for tests
// of the Dockerfile. Debian, as root, with debootstrap; the npm registry and a mirror of Debian must be in reach.
//   --mirror URL   of Debian (or DEBIAN_MIRROR; default: the one that apt uses here)
//   --work FOLDER  where bases are kept and images are built (default: ip-insights-image among the temporary files)
// The exit code is 0 where all checks pass.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildImage } from './image/buildImage.mjs';
import { checkServing } from './image/checkServing.mjs';
import { checkTraining } from './image/checkTraining.mjs';
import { megabytes, sizeOf } from './image/commands.mjs';
import { Container } from './image/container.mjs';

/** Each gets the container and returns lines of a report, or throws. */
const CHECKS = [checkTraining, checkServing];

const context = join(fileURLToPath(import.meta.url), '../..');
const { values: options } = parseArgs({
  options: {
    mirror: { type: 'string', default: process.env.DEBIAN_MIRROR },
    work: { type: 'string', default: join(tmpdir(), 'ip-insights-image') },
    // Set by this script itself, for its part within the namespace.
    inside: { type: 'string' },
  },
});

if (options.inside === undefined) outside();
else await inside(options.inside);

/**
 * Starts this script again in a mount namespace of its own, and removes what it made. Whatever it mounts is mounted there alone
 * and gone with it, so that what is removed here are files of the folder itself.
 */
function outside() {
  if (process.getuid() !== 0) fail('expected root, which chroot and mount need. Run it as root.');
  for (const command of ['debootstrap', 'unshare', 'chroot', 'mount', 'pkill']) {
    if (spawnSync('which', [command]).status !== 0) fail(`there is no ${command} here. Install it first.`);
  }
  const work = resolve(options.work);
  mkdirSync(work, { recursive: true });
  const folder = mkdtempSync(join(work, 'run-'));
  let status;
  try {
    const own = ['--work', work, '--inside', folder, ...(options.mirror ? ['--mirror', options.mirror] : [])];
    const spaces = ['--mount', '--propagation', 'private', '--pid', '--fork', '--mount-proc', '--kill-child'];
    ({ status } = spawnSync(
      'unshare',
      [...spaces, process.execPath, fileURLToPath(import.meta.url), ...own],
      {
        stdio: 'inherit',
      },
    ));
  } finally {
    if (readFileSync('/proc/self/mounts', 'utf8').includes(` ${folder}/`)) {
      fail(`${folder}: something is still mounted there. Unmount it, then remove the folder.`);
    }
    rmSync(folder, { recursive: true });
  }
  process.exit(status ?? 1);
}

async function inside(folder) {
  const started = performance.now();
  try {
    const image = buildImage(context, folder, resolve(options.work), options.mirror);
    requireImage(image);
    const [whole, base] = [sizeOf(image.root), sizeOf(image.base)];
    const parts = ['node_modules', 'dist'].map((name) => {
      return `${name} ${megabytes(sizeOf(join(image.root, image.workdir, name)))}`;
    });
    console.log(`image: ${megabytes(whole - base)} on a base of ${megabytes(base)}; ${parts.join(', ')}`);
    const container = new Container(image, join(folder, 'opt-ml'));
    for (const check of CHECKS) for (const line of await check(container)) console.log(line);
  } catch (error) {
    fail(error.stack);
  }
  console.log(`PASS: ${((performance.now() - started) / 1000).toFixed(0)} s`);
}

/** What must and must not be in the image. */
function requireImage({ root, workdir, entryPoint, labels, ports }) {
  const home = join(root, workdir);
  const files = readdirSync(home, { recursive: true });
  const needless = files.filter((file) =>
    /(^|\/)node_modules\/(typescript|assemblyscript|@biomejs\/[^/]+)$|^dist\/.*\.test\./.test(file),
  );
  if (needless.length > 0) throw new Error(`the image holds what it does not need: ${needless.join(', ')}`);
  if (!existsSync(join(root, entryPoint[1]))) throw new Error(`ENTRYPOINT: there is no ${entryPoint[1]}.`);
  const unreadable = files.filter((file) => {
    const path = join(home, file);
    return existsSync(path) && (statSync(path).mode & 0o004) === 0;
  });
  if (unreadable.length > 0)
    throw new Error(`others than root cannot read ${unreadable.slice(0, 5).join(', ')}`);
  for (const name of ['multi-models', 'accept-bind-to-port']) {
    if (labels[`com.amazonaws.sagemaker.capabilities.${name}`] !== 'true')
      throw new Error(`no label for ${name}`);
  }
  if (!ports.includes(8080)) throw new Error('EXPOSE: expected 8080, the port that SageMaker asks.');
}

function fail(sentence) {
  console.error(`replayDockerfile: ${sentence}`);
  process.exit(1);
}
