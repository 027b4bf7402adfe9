import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { availableKernels } from './available.ts';

test('WebAssembly serves, compiled once', () => {
  const { module, reason } = availableKernels();
  assert.ok(module instanceof WebAssembly.Module);
  assert.equal(reason, '');
  assert.equal(availableKernels().module, module);
});

test('who asks for the plain kernels gets them', () => {
  assert.deepEqual(availableKernels('plain'), {
    module: undefined,
    reason: 'the plain kernels serve, as asked.',
  });
});

test('an engine without WebAssembly gets the plain kernels, and is told why', () => {
  const program = `
    import { availableKernels } from ${JSON.stringify(new URL('./available.js', import.meta.url).href)};
    console.log(JSON.stringify(availableKernels()));`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--jitless', '--no-warnings', '--input-type=module', '-e', program],
    { encoding: 'utf8', cwd: fileURLToPath(new URL('.', import.meta.url)) },
  );
  assert.equal(status, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), {
    reason:
      'the plain kernels serve, many times slower, as WebAssembly with SIMD and shared memory is not to be had here (WebAssembly is not defined).',
  });
});
