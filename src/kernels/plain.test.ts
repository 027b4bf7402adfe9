import { testConformance } from './conformance.ts';
import { plainKernels } from './plain.ts';

testConformance(plainKernels);
