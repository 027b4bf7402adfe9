// Everything that a fresh checkout needs before it can run: the Node version, the packages, the compiled code.
// Safe to call again: what is there and current is left alone.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [major, minor] = process.versions.node.split('.').map(Number);
// What bundles the console needs these; the package that comes of it runs on every Node from 20 on.
if (major < 20 || (major === 20 && minor < 19) || (major === 22 && minor < 12) || major === 21) {
  console.error(
    `setup: expected Node 20.19, 22.12 or newer, got ${process.versions.node}. Install a newer Node, then run this again.`,
  );
  process.exit(1);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error) console.error(`setup: cannot start ${command}: ${error.message}`);
  if (status !== 0) {
    console.error(`setup: "${command} ${args.join(' ')}" failed; the lines above say why.`);
    process.exit(1);
  }
}

const installed = join(root, 'node_modules/.package-lock.json');
const lock = join(root, 'package-lock.json');
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
  console.error('setup: installing packages');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
}
run(process.execPath, [join(root, 'scripts/build.mjs')]);
