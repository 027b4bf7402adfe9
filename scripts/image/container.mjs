// Runs a built image as a container engine would. To be run in a mount namespace of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './commands.mjs';

/** An image whose root file system can only be read, but for /opt/ml. */
export class Container {
  /** @param image what buildImage returns; @param optMl the folder that is /opt/ml inside */
  constructor(image, optMl) {
    this.image = image;
    this.optMl = optMl;
    const { root } = image;
    mkdirSync(optMl, { recursive: true });
    mkdirSync(join(root, 'opt/ml'), { recursive: true });
    run('mount', ['--bind', root, root]);
    run('mount', ['-o', 'remount,bind,ro', root]);
    requireReadOnly(root);
    run('mount', ['-t', 'proc', 'proc', join(root, 'proc')]);
    if (existsSync(join(root, 'dev/shm'))) run('mount', ['-t', 'tmpfs', 'none', join(root, 'dev/shm')]);
    run('mount', ['--bind', optMl, join(root, 'opt/ml')]);
  }

  /**
   * Starts the entry point as process 1, which the signals of an engine reach.
   * @param args        what follows the entry point
   * @param user        `uid:gid`
   * @param network     false: none at all, as with SageMaker's network isolation
   * @param environment beside that of the image
   */
  start(args, { user = '0:0', network = false, environment = {} } = {}) {
    const { root, entryPoint, workdir } = this.image;
    const spaces = ['--pid', '--fork', '--kill-child', ...(network ? [] : ['--net'])];
    const inside = [
      'chroot',
      `--userspec=${user}`,
      root,
      '/bin/sh',
      '-c',
      `cd '${workdir}' && exec "$@"`,
      'sh',
    ];
    return spawn('unshare', [...spaces, ...inside, ...entryPoint, ...args], {
      env: { ...this.image.environment, HOME: user === '0:0' ? '/root' : '/', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** The same to its end. @returns { status, stdout, stderr, seconds } */
  async run(args, options) {
    const started = performance.now();
    const child = this.start(args, options);
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => {
        said[name] += text;
      });
    }
    const [status] = await once(child, 'close');
    return { status, ...said, seconds: (performance.now() - started) / 1000 };
  }
}

/** Otherwise the checks would prove less than they say. */
function requireReadOnly(root) {
  try {
    writeFileSync(join(root, 'probe'), '');
  } catch (error) {
    if (error.code === 'EROFS') return;
    throw error;
  }
  throw new Error(`${root}: expected a file system that cannot be written, but a file was made in it.`);
}
