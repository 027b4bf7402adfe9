/**
 * Every code block of README.md and docs/ runs. Each document has an empty folder of its own, in which its blocks
 * run from top to bottom, each finding what those before have left. What stands after the fence decides:
 *
 *   sh            run by bash, which must end with 0; `ip-insights` is the command of this checkout
 *   sh exit=1     the same, and must end with that code
 *   sh setup      commands such as `npm test`, which would run this very test: their npm scripts must exist
 *   ts            type-checked and run; `import … from 'ip-insights'` is this checkout; top-level await works
 *   python        run by Debian's Python, which has boto3; `python endpoint.py` keeps it under that name, to be imported
 *   output        what the block before printed to standard output; `…` stands for anything, line ends too
 *   text json jsonl csv mermaid html    shown, neither run nor compared
 *
 * A fence without any of these fails, and so does an indented block that begins with a command.
 *
 * The walk through AWS's tutorial runs with fewer accounts; USERS=10000 in the environment runs it as it is written.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, test } from 'node:test';
import { type Block, blocksOf, DOCUMENTS, ROOT, readDocument } from './markdown.ts';

const RUN = ['sh', 'ts', 'python'];
const SHOWN = ['text', 'json', 'jsonl', 'csv', 'mermaid', 'html'];
const { USERS = '150' } = process.env;
const scripts: Record<string, string> = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts;

/** A folder with the package installed by links, and what its examples are written with, as in a project of a user. */
function userFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ip-insights-readme-'));
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, '.bin'), { recursive: true });
  symlinkSync(ROOT, join(modules, 'ip-insights'));
  for (const name of ['@types', 'express', 'fastify', 'typescript', '.bin/tsc']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  const command = join(modules, '.bin/ip-insights');
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${ROOT}/dist/cli/main.js' "$@"\n`);
  chmodSync(command, 0o755);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  return folder;
}

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

async function run(folder: string, command: string, args: string[]): Promise<Outcome> {
  const path = [join(folder, 'node_modules/.bin'), join(process.execPath, '..'), process.env.PATH].join(
    delimiter,
  );
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...process.env, PATH: path, NO_COLOR: '1', NODE_OPTIONS: '', USERS },
    stdio: ['ignore', 'pipe', 'pipe'],
    // The tutorial's search takes 20 minutes with as many accounts as AWS's.
    timeout: USERS === '150' ? 300_000 : 3_600_000,
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text) => {
      said[name] += text;
    });
  }
  const [status] = await once(child, 'close');
  return { status, ...said };
}

/** Compiles all TypeScript blocks at once; a block at line 12 becomes line12.js. */
async function compile(folder: string, blocks: Block[]): Promise<void> {
  for (const { code, line } of blocks) writeFileSync(join(folder, `line${line}.ts`), `${code}export {};\n`);
  const options = [
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--strict',
    '--types',
    'node',
    '--skipLibCheck',
  ];
  const files = blocks.map(({ line }) => `line${line}.ts`);
  const { status, stdout } = await run(folder, process.execPath, [
    join(ROOT, 'node_modules/typescript/bin/tsc'),
    ...options,
    ...files,
  ]);
  assert.equal(status, 0, stdout);
}

function runLanguage(folder: string, { language, marks, code, line }: Block): Promise<Outcome> {
  if (language === 'ts') return run(folder, process.execPath, [`line${line}.js`]);
  if (language === 'sh') return run(folder, 'bash', ['-euo', 'pipefail', '-c', code]);
  const file = marks.find((mark) => mark.endsWith('.py')) ?? `line${line}.py`;
  writeFileSync(join(folder, file), code);
  return run(folder, '/usr/bin/python3', [file]);
}

async function runBlock(folder: string, block: Block): Promise<Outcome> {
  const { marks, code, line } = block;
  const outcome = await runLanguage(folder, block);
  const expected = Number(marks.find((mark) => mark.startsWith('exit='))?.slice(5) ?? 0);
  assert.equal(outcome.status, expected, `line ${line}:\n${code}\n${outcome.stdout}${outcome.stderr}`);
  return outcome;
}

function checkOutput({ code, line }: Block, before: Outcome | undefined): void {
  assert.ok(before, `line ${line}: output of what? No block runs before it`);
  const pattern = code
    .trimEnd()
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[\\s\\S]*');
  assert.match(
    before.stdout.trimEnd(),
    new RegExp(`^${pattern}$`),
    `line ${line}: the output is another one`,
  );
}

function checkScripts({ code, line }: Block): void {
  const names = [...code.matchAll(/^\s*npm (?:run )?([\w:-]+)/gm)].map((match) => match[1]);
  assert.ok(names.length > 0, `line ${line}: expected npm commands`);
  for (const name of names) assert.ok(name in scripts, `line ${line}: package.json has no script "${name}"`);
}

/** A server that a failed document has left would answer the next run. */
function stopServers(folder: string): void {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.pid'))) {
    try {
      process.kill(Number(readFileSync(join(folder, file), 'utf8')));
    } catch {
      // It had ended before.
    }
  }
}

test('no two documents have a server on the same port, as they run at the same time', () => {
  const ports = DOCUMENTS.flatMap((document) => {
    const run = blocksOf(readDocument(document)).filter(({ language }) => RUN.includes(language));
    return [
      ...new Set(run.flatMap(({ code }) => code.match(/(?<=(--port |PORT=|127\.0\.0\.1:))\d+/g) ?? [])),
    ];
  });
  assert.ok(ports.length > 5, `found only ${ports}`);
  assert.deepEqual(ports, [...new Set(ports)]);
});

// Some at a time: this file ends last, and one document after the other would leave cores idle.
describe('documents', { concurrency: availableParallelism() + 1 }, () => {
  for (const document of DOCUMENTS) {
    const text = readDocument(document);
    const blocks = blocksOf(text);

    test(`${document}: every code block says what it is`, () => {
      for (const { language, line } of blocks) {
        assert.ok([...RUN, 'output', ...SHOWN].includes(language), `line ${line}: got "${language}"`);
      }
      const command = /^( {4}|\t)(\$ )?(ip-insights|npm|npx|node|curl|python3) /m.exec(text);
      assert.ok(command === null, `"${command?.[0]}…" is indented: put it between fences, then it is run`);
    });

    if (blocks.some(({ language }) => RUN.includes(language))) {
      test(`${document}: every code block runs`, async () => {
        const folder = userFolder();
        try {
          const typescript = blocks.filter(({ language }) => language === 'ts');
          if (typescript.length > 0) await compile(folder, typescript);
          let before: Outcome | undefined;
          for (const block of blocks) {
            if (block.language === 'output') checkOutput(block, before);
            else if (block.marks.includes('setup')) checkScripts(block);
            else if (RUN.includes(block.language)) before = await runBlock(folder, block);
          }
        } catch (error) {
          stopServers(folder);
          throw error;
        } finally {
          rmSync(folder, { recursive: true });
        }
      });
    }
  }
});
