// The root file system of node:22-bookworm-slim, as far as it matters here: Debian's minimal system, with Node and npm where
// that image has them.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, timed } from './commands.mjs';

/**
 * Makes the base of an image once; the next call finds it.
 * @param image  `node:22-bookworm-slim`
 * @param folder where bases are kept
 * @param mirror of Debian; undefined: the one that apt uses here
 * @returns its folder
 */
export function baseRoot(image, folder, mirror) {
  const [, major, suite] = /^node:(\d+)-([a-z]+)-slim$/.exec(image) ?? [];
  if (!major)
    throw new Error(`FROM ${image}: expected node:MAJOR-SUITE-slim, which can be made from packages.`);
  const base = join(folder, `node-${major}-${suite}`);
  if (existsSync(base)) {
    console.log(`base ${image}: found in ${base}`);
    return base;
  }
  const unfinished = `${base}.part`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  timed(`base ${image}: Debian ${suite}`, () =>
    run('debootstrap', ['--variant=minbase', suite, unfinished, mirror ?? mirrorOfApt()]),
  );
  timed(`base ${image}: Node ${major}`, () => installNode(unfinished, major, folder));
  // As Debian's images for containers have it: packages start no servers when they are installed.
  writeFileSync(join(unfinished, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  renameSync(unfinished, base);
  return base;
}

/** What this machine's apt gets the main distribution from. */
function mirrorOfApt() {
  const lists = spawnSync('apt-get', ['indextargets', '--format', '$(REPO_URI)'], { encoding: 'utf8' });
  const mirror = lists.stdout?.split('\n').find((line) => /^(https?|file):/.test(line));
  if (!mirror) {
    throw new Error(
      'no mirror of Debian: apt knows none here. Name one: --mirror URL, or DEBIAN_MIRROR=URL.',
    );
  }
  return mirror;
}

/** npm has Node's binaries as packages; so has scripts/test.mjs its other Nodes from there. */
function installNode(root, major, folder) {
  const name = `node-linux-${process.arch}`;
  const fetched = join(folder, `packages-${major}`);
  mkdirSync(fetched, { recursive: true });
  run('npm', [
    ...['install', '--prefix', fetched, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'],
    ...[`${name}@${major}`, 'npm@10'],
  ]);
  const local = join(root, 'usr/local');
  cpSync(join(fetched, 'node_modules', name, 'bin/node'), join(local, 'bin/node'));
  cpSync(join(fetched, 'node_modules/npm'), join(local, 'lib/node_modules/npm'), { recursive: true });
  for (const command of ['npm', 'npx']) {
    symlinkSync(`../lib/node_modules/npm/bin/${command}-cli.js`, join(local, 'bin', command));
  }
}
