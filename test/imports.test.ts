/**
 * The shape of src/: logs → events → samples → model → scores → decisions. A folder may import from itself and
 * from those above it in this list; so a stage knows what it eats, never who eats it.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const SOURCES = join(ROOT, 'src');

/** Folders and files of src/ in the direction of flow; what stands in one line may not import each other in a ring. */
const FLOW: string[][] = [
  ['errors', 'version'],
  ['addresses', 'random', 'files', 'ranking'],
  // Processes on several computers; only what a launcher started loads it.
  ['mpi'],
  // Pictures of plain figures; the console's pages draw with it too, in a browser.
  ['drawing'],
  ['logs', 'events'],
  ['history'],
  ['kernels'],
  ['neural'],
  ['model'],
  ['inference', 'scores'],
  ['serve', 'transform'],
  ['evaluate'],
  ['decide'],
  ['tune'],
  // The roofs: they choose parts and hold no mathematics.
  ['cli', 'index'],
  // A roof over the command line: the same trainings, under the contract of SageMaker's containers.
  ['container'],
];

const OWN_PACKAGES = [
  { name: 'DuckDB', pattern: /^@duckdb\//, folders: ['logs'], why: 'the rest knows events' },
  {
    name: 'maxmind',
    pattern: /^maxmind$/,
    folders: ['addresses'],
    why: 'the rest knows ranges',
  },
  {
    name: 'fastify and prom-client',
    pattern: /^(fastify|@fastify\/.*|prom-client)$/,
    folders: ['serve'],
    why: 'the rest knows bytes',
  },
  {
    name: 'koffi',
    pattern: /^koffi$/,
    folders: ['mpi'],
    why: 'it is optional, and nobody else calls libraries',
  },
  {
    name: 'node:fs',
    pattern: /^node:fs/,
    // Of a process that is about to end, src/mpi writes the last line itself.
    folders: ['files', 'cli', 'container', 'logs', 'index', 'serve', 'transform', 'mpi'],
    why: 'the others take values and bytes, never paths',
  },
  {
    name: 'node:worker_threads',
    pattern: /^node:worker_threads$/,
    folders: ['neural', 'inference', 'mpi'],
    why: 'training, large requests and the watch over ranks have threads of their own; the rest works where it is called',
  },
];

interface Import {
  file: string;
  place: string;
  from: string;
}

const sourceFiles = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);

const manifest: {
  files: string[];
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
} = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const published = manifest.files;
const dependencies = { ...manifest.dependencies, ...manifest.optionalDependencies };

/** `!dist/kernels/conformance.*` as an expression: ** is any path, * any name, and a folder is all that it holds. */
const unpublished = published
  .filter((pattern) => pattern.startsWith('!'))
  .map((pattern) => {
    const parts = pattern.slice(1).split(/(\*\*\/|\*)/);
    const of: Record<string, string> = { '**/': '(?:.*/)?', '*': '[^/]*' };
    return new RegExp(`^${parts.map((part) => of[part] ?? part.replaceAll('.', '\\.')).join('')}(?:/.*)?$`);
  });

/** Tests, and what only they need: what package.json leaves out. */
const isTest = (file: string) =>
  unpublished.some((pattern) => pattern.test(`dist/${file.replace(/\.ts$/, '.js')}`));

/** Sources of another language, AssemblyScript, for one module of WebAssembly: no compiled file, a dialect of its own. */
const isAssembly = (file: string) => file.startsWith('kernels/assembly/');

/** `events/time.ts` → `events`, `index.ts` → `index` */
const place = (file: string) => file.split('/')[0].replace(/\.ts$/, '');

const imports: Import[] = sourceFiles
  .filter((file) => !isTest(file))
  .flatMap((file) => {
    const text = readFileSync(join(SOURCES, file), 'utf8');
    const matches = text.matchAll(
      /^(?:import|export)\b[^;]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
    );
    return [...matches].map((match) => ({
      file,
      place: place(file),
      from: match[1] ?? match[2] ?? match[3],
    }));
  });

const target = ({ file, from }: Import) => place(relative(SOURCES, join(SOURCES, dirname(file), from)));

test('every folder of src/ has its place in the flow, and none is called utils, helpers or common', () => {
  const places = [...new Set(sourceFiles.map(place))];
  assert.deepEqual(
    places.filter((name) => !FLOW.flat().includes(name)),
    [],
    'a new folder: add it to FLOW where its data comes by',
  );
  const folders = sourceFiles.flatMap((file) => file.split('/'));
  assert.deepEqual(
    folders.filter((name) => /^(utils?|helpers?|common|misc|shared)(\.ts)?$/.test(name)),
    [],
  );
});

test('imports point upstream', () => {
  const rank = (name: string) => FLOW.findIndex((line) => line.includes(name));
  const wrong = imports.filter((one) => one.from.startsWith('.') && rank(target(one)) > rank(one.place));
  assert.deepEqual(
    wrong.map(({ file, from }) => `src/${file} imports ${from}`),
    [],
  );
});

test('no two folders import each other, by any way round', () => {
  const edges = new Map<string, Set<string>>();
  for (const one of imports.filter(({ from }) => from.startsWith('.'))) {
    const to = target(one);
    if (to !== one.place) edges.set(one.place, (edges.get(one.place) ?? new Set()).add(to));
  }
  const rings: string[] = [];
  const walk = (path: string[]) => {
    for (const next of edges.get(path[path.length - 1]) ?? []) {
      if (next === path[0]) rings.push([...path, next].join(' → '));
      else if (!path.includes(next)) walk([...path, next]);
    }
  };
  for (const start of edges.keys()) walk([start]);
  assert.deepEqual(rings, []);
});

for (const { name, pattern, folders, why } of OWN_PACKAGES) {
  test(`only src/${folders.join(', src/')} import ${name}: ${why}`, () => {
    const wrong = imports.filter((one) => pattern.test(one.from) && !folders.includes(one.place));
    assert.deepEqual(
      wrong.map(({ file, from }) => `src/${file} imports ${from}`),
      [],
    );
  });
}

test('what is published imports nothing that is not', () => {
  const file = (one: Import) => relative(SOURCES, join(SOURCES, dirname(one.file), one.from));
  const wrong = imports.filter((one) => one.from.startsWith('.') && isTest(file(one)));
  assert.deepEqual(
    wrong.map(({ file, from }) => `src/${file} imports ${from}`),
    [],
  );
  // The patterns of package.json mean what they should.
  for (const file of ['kernels/conformance/bounds.ts', 'kernels/crewDrill.ts', 'neural/train.test.ts'])
    assert.ok(sourceFiles.includes(file) && isTest(file), file);
});

test('kernels in AssemblyScript import each other alone, and nothing imports them', () => {
  const wrong = imports.filter((one) => {
    const imported = relative(SOURCES, join(SOURCES, dirname(one.file), one.from));
    return isAssembly(one.file) !== isAssembly(imported) && (isAssembly(one.file) || isAssembly(imported));
  });
  assert.deepEqual(
    wrong.map(({ file, from }) => `src/${file} imports ${from}`),
    [],
  );
  assert.ok(imports.some(({ file }) => isAssembly(file)));
});

test('every imported package is a declared dependency', () => {
  const packages = imports
    .filter(({ from }) => !/^(\.|node:)/.test(from))
    .map(({ from }) =>
      from
        .split('/')
        .slice(0, from.startsWith('@') ? 2 : 1)
        .join('/'),
    );
  assert.deepEqual(
    packages.filter((name) => !(name in dependencies)),
    [],
  );
});

test('no file passes 400 lines: it would want two names', () => {
  const folders = ['src', 'test', 'examples', 'scripts'];
  const long = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|mjs)$/.test(file))
      .map((file) => ({
        file: `${folder}/${file}`,
        lines: readFileSync(join(ROOT, folder, file), 'utf8').split('\n').length - 1,
      }))
      .filter(({ lines }) => lines > 400),
  );
  assert.deepEqual(long, []);
});
