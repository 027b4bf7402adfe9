// The kernels of ../kernels.ts in WebAssembly: see there what each does. Arrays are pointers into the one memory
// that all threads share; each thread has an instance, and scratch memory, of its own.
export { encodeChains, trainChains, updateChains, updateSpanning } from './chains';
export { denseForward, denseInputGradients, denseWeightGradients } from './dense';
export { randomWords } from './draws';
export { byteDotProducts } from './bytes';
export { addUp, dotProducts, pairErrors, updateBySums, weightedSums } from './pairs';
export { setUp } from './scratch';
export { gatherRows, scatterRows, updateRows } from './tables';
