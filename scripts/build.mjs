// Compiles src/, test/ and examples/ into dist/, and the WebAssembly kernels. What was compiled from a source that is
// gone is removed first: a deleted test would otherwise go on being run, and a deleted module go on being imported.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const PROJECTS = [
  { config: 'tsconfig.json', sources: 'src', compiled: 'dist', info: 'dist/.tsbuildinfo' },
  project('test'),
  project('examples'),
];
const OUTPUT = /(\.js|\.js\.map|\.d\.ts)$/;

for (const { config, sources, compiled, info } of PROJECTS) {
  const outputs = filesIn(compiled).filter(
    (file) => compiled !== 'dist' || !/^(test|examples|console)\//.test(file),
  );
  for (const file of outputs) {
    if (!OUTPUT.test(file) || existsSync(join(root, sources, file.replace(OUTPUT, '.ts')))) continue;
    rmSync(join(root, compiled, file));
  }
  // The compiler trusts its notes: where an output is missing, they must go too.
  const whole = filesIn(sources).every(
    (file) => !file.endsWith('.ts') || existsSync(join(root, compiled, file.replace(/\.ts$/, '.js'))),
  );
  if (!whole) rmSync(join(root, info), { force: true });
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  // Findings go to stderr: the command that is set up may have data on stdout.
  const { status } = spawnSync(process.execPath, [compiler, '-p', join(root, config)], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) {
    console.error(`build: ${config} does not compile; the lines above say where.`);
    process.exit(1);
  }
}

buildKernels();
buildConsole();

/** A folder that imports what src/ was compiled to, as a user does. */
function project(folder) {
  const compiled = `dist/${folder}`;
  return { config: `${folder}/tsconfig.json`, sources: folder, compiled, info: `${compiled}/.tsbuildinfo` };
}

/** Compiles src/kernels/assembly/ where it is newer than what was made of it. */
function buildKernels() {
  const folder = 'src/kernels/assembly';
  const made = join(root, 'dist/kernels/kernels.wasm');
  const compiler = join(root, 'node_modules/assemblyscript/bin/asc.js');
  const sources = [
    ...filesIn(folder).map((file) => join(root, folder, file)),
    compiler,
    fileURLToPath(import.meta.url),
  ];
  const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs));
  if (existsSync(made) && statSync(made).mtimeMs > newest) return;
  const { status } = spawnSync(
    process.execPath,
    [
      ...[compiler, join(folder, 'kernels.ts'), '--outFile', made],
      // Vectors, memory shared by threads, fast copies; no memory management, as callers say where everything is.
      ...['--enable', 'simd', '--enable', 'threads', '--enable', 'bulk-memory', '--runtime', 'stub'],
      ...['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
      ...['-O3', '--noAssert'],
    ],
    { cwd: root, stdio: ['ignore', 2, 2] },
  );
  if (status !== 0) {
    console.error('build: the WebAssembly kernels do not compile; the lines above say where.');
    process.exit(1);
  }
}

/** Checks and bundles the pages of console/ where they, or what they share with src/, are newer than the bundle. */
function buildConsole() {
  const made = join(root, 'dist/console/index.html');
  const sources = [
    ...['console', 'src/drawing', 'src/serve/console'].flatMap((folder) =>
      filesIn(folder).map((file) => join(root, folder, file)),
    ),
    ...['package-lock.json', 'scripts/build.mjs'].map((file) => join(root, file)),
  ].filter((file) => existsSync(file));
  const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs));
  if (existsSync(made) && statSync(made).mtimeMs > newest) return;
  for (const args of [
    ['node_modules/typescript/bin/tsc', '-p', 'console/tsconfig.json'],
    ['node_modules/vite/bin/vite.js', 'build', 'console'],
  ]) {
    const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 2, 2] });
    if (status === 0) continue;
    rmSync(made, { force: true });
    console.error('build: the pages of the console do not compile; the lines above say where.');
    process.exit(1);
  }
}

/** Paths of all files below a folder, relative to it. */
function filesIn(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(join(root, folder).length + 1));
}
