import { testConformance } from './conformance.ts';
import { separateBuffers } from './memory.ts';
import { plainKernels } from './plain.ts';

testConformance({ kernels: [plainKernels], memory: () => separateBuffers });
