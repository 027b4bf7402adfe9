/** The Dockerfile, as scripts/replayDockerfile.mjs reads it; that script builds and runs the image where it may. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './markdown.ts';

interface Step {
  line: number;
  instruction: string;
  text: string;
}
interface Reader {
  parseDockerfile(text: string): { from: string; name: string; steps: Step[] }[];
  parseCopy(step: Step): { from?: string; sources: string[]; target: string };
  parseList(step: Step): string[];
  parsePairs(step: Step): [string, string][];
  parseIgnoreFile(text: string): (path: string) => boolean;
}
const reader: Reader = await import(join(ROOT, 'scripts/image/dockerfile.mjs'));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const stages = reader.parseDockerfile(read('Dockerfile'));
const isLeftOut = reader.parseIgnoreFile(read('.dockerignore'));

test('the Dockerfile copies files that exist and that .dockerignore keeps', () => {
  assert.equal(stages.length, 2);
  const copies = stages[0].steps.filter(({ instruction }) => instruction === 'COPY').map(reader.parseCopy);
  const sources = copies.flatMap(({ sources }) => sources);
  assert.ok(sources.includes('src'));
  for (const source of sources) {
    assert.ok(existsSync(join(ROOT, source)), source);
    assert.ok(!isLeftOut(source), source);
  }
});

test('.dockerignore leaves out what would make builds slow or leak', () => {
  for (const path of [
    '.git/config',
    '.npmrc',
    'node_modules/zod/package.json',
    'dist/index.js',
    'scripts/test.mjs',
  ]) {
    assert.ok(isLeftOut(path), path);
  }
  assert.ok(!isLeftOut('src/container/main.ts') && !isLeftOut('scripts/build.mjs'));
});

test('the entry point of the image is compiled from this source', () => {
  const { steps } = stages[1];
  const entry = reader.parseList(steps.find(({ instruction }) => instruction === 'ENTRYPOINT')!)[1];
  const inside = entry.replace(/^\/opt\/ip-insights\//, '');
  assert.notEqual(inside, entry);
  assert.ok(existsSync(join(ROOT, inside)), inside);
});

test('lines are joined, comments between them left out, and values unquoted', () => {
  const [stage] = reader.parseDockerfile(
    'FROM node:22-bookworm-slim AS b\nENV A=1 \\\n  # why\n  B="two words"\n',
  );
  assert.deepEqual([stage.from, stage.name, stage.steps.length], ['node:22-bookworm-slim', 'b', 1]);
  assert.deepEqual(reader.parsePairs(stage.steps[0]), [
    ['A', '1'],
    ['B', 'two words'],
  ]);
});

test('what the replay does not know is refused with its line', () => {
  assert.throws(() => reader.parseDockerfile('FROM a\nADD x y\n'), {
    message: 'Dockerfile:2: expected FROM, WORKDIR, COPY, ENV, LABEL, EXPOSE, RUN, ENTRYPOINT, got ADD.',
  });
});
