import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { pack } from './handOver.ts';

const unpackIn = (body: string) => `
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData.module).then(({ unpack }) => {
    const value = unpack(workerData.packed);
    parentPort.postMessage((${body})(value));
  });`;

async function inThread(value: unknown, body: string): Promise<unknown> {
  const module = new URL('./handOver.js', import.meta.url).href;
  const worker = new Worker(unpackIn(body), {
    eval: true,
    execArgv: [],
    workerData: { module, packed: pack(value) },
  });
  const [answer] = await once(worker, 'message');
  await worker.terminate();
  return answer;
}

test('a thread sees all of a table above 4 GiB', async () => {
  // Pages that nobody writes to take no memory.
  const length = 2 ** 30 + 100;
  const table = new Float32Array(new SharedArrayBuffer(length * 4));
  table[length - 1] = 7;
  const seen = await inThread({ table }, '({ table }) => [table.length, table[table.length - 1]]');
  assert.deepEqual(seen, [length, 7]);
});

test('a thread writes into the same memory, at the same place', async () => {
  const words = new Uint32Array(new SharedArrayBuffer(64), 16, 4);
  await inThread({ list: [{ words }] }, '({ list }) => { list[0].words[3] = 5; return 0; }');
  assert.deepEqual([...words], [0, 0, 0, 5]);
  assert.equal(new Uint32Array(words.buffer)[7], 5);
});

test('modules and memories of WebAssembly, undefined, null and numbers pass as they are', async () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  // The smallest module: magic number and version.
  const module = new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  const body = `(v) => [v.memory instanceof WebAssembly.Memory, v.module instanceof WebAssembly.Module, v.none, v.nothing, v.one]`;
  const seen = await inThread({ memory, module, none: undefined, nothing: null, one: 1 }, body);
  assert.deepEqual(seen, [true, true, undefined, null, 1]);
});
