import { fileURLToPath } from 'node:url';
import { readWholeFile } from '../files/input.ts';
import type { KernelModule } from './webAssembly.ts';

/** Which kernels can serve here. */
export interface AvailableKernels {
  /** of the WebAssembly kernels; undefined: the plain ones serve */
  module: KernelModule | undefined;
  /** why the plain ones serve, a sentence; empty where WebAssembly does */
  reason: string;
}

let compiled: KernelModule | undefined;

function compile(): KernelModule {
  // The engine sets aside gigabytes of addresses for any shared memory; a limit (ulimit -v) may not give them.
  new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const bytes = readWholeFile(fileURLToPath(new URL('./kernels.wasm', import.meta.url)));
  return new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
}

/**
 * The WebAssembly kernels where the engine has vectors (SIMD) and shared memory, else the plain ones, many times slower.
 * @param wanted `plain` asks for those in any case
 */
export function availableKernels(wanted: 'auto' | 'plain' = 'auto'): AvailableKernels {
  if (wanted === 'plain') return { module: undefined, reason: 'the plain kernels serve, as asked.' };
  try {
    // Compiling takes milliseconds; every model of a process shares the result.
    compiled ??= compile();
    return { module: compiled, reason: '' };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      module: undefined,
      reason: `the plain kernels serve, many times slower, as WebAssembly with SIMD and shared memory is not to be had here (${why}).`,
    };
  }
}
