import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { version } from 'ip-insights';

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const manifest = JSON.parse(read('package.json'));

test('the version in package.json is the one that the code knows', () => {
  assert.equal(version, manifest.version);
});

test('the lock file names no download addresses, so that any registry serves it', () => {
  assert.doesNotMatch(read('package-lock.json'), /"resolved"/);
});

test('the lock file belongs to package.json', () => {
  const { packages } = JSON.parse(read('package-lock.json'));
  const { version, dependencies, devDependencies, optionalDependencies } = packages[''];
  assert.deepEqual(
    [version, dependencies, devDependencies, optionalDependencies],
    [manifest.version, manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies],
  );
});

test('versions of dependencies are exact', () => {
  const ranges = Object.entries({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  }).filter(([, wanted]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(wanted)));
  assert.deepEqual(ranges, []);
});

test('the entries of the package exist once it is built', () => {
  const { types, default: entry } = manifest.exports['.'];
  for (const file of [types, entry, ...Object.values<string>(manifest.bin)])
    assert.ok(existsSync(join(ROOT, file)), file);
});

test('the package holds the examples as sources, and nothing that only tests need', () => {
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const files: string[] = JSON.parse(stdout)[0].files.map(({ path }: { path: string }) => path);
  const examples = files.filter((file) => file.startsWith('examples/'));
  assert.deepEqual(examples.sort(), [
    'examples/README.md',
    'examples/aws-batch/job-definition.json',
    'examples/aws-batch/submit-job.json',
    'examples/express/login.ts',
    'examples/fastify/login.ts',
    'examples/kubernetes/score.yaml',
    'examples/kubernetes/train.yaml',
    'examples/migrate/README.md',
    'examples/migrate/after.py',
    'examples/migrate/before.py',
    'examples/migrate/local.py',
    'examples/nginx/nginx.conf',
    'examples/nightly/README.md',
    'examples/nightly/nightly.sh',
    'examples/nightly/sift.mjs',
    'examples/slurm/score.sbatch',
    'examples/slurm/train.sbatch',
  ]);
  for (const file of ['dist/cli/main.js', 'dist/console/index.html', 'dist/console/licenses.md'])
    assert.ok(files.includes(file), file);
  assert.deepEqual(
    files.filter((file) => /^dist\/(test|examples)\/|\.test\.|\.tsbuildinfo$/.test(file)),
    [],
  );
});
