import { UMAP } from 'umap-js';

/** What the page asks for. N points, C components. */
export interface UmapTask {
  principal: number[]; // (N, C)
  components: number;
}

/** How far it is, and at the end where each point lies, N × 2. */
export type UmapReport = { progress: number } | { xy: number[] };

/** As many neighbours as the authors' implementation has by default: McInnes, Healy and Melville, arXiv:1802.03426. */
const NEIGHBOURS = 15;
const REPORT_MILLISECONDS = 100;

/** The same numbers each time (mulberry32): a map that moves when it is opened again cannot be remembered. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const say = (report: UmapReport) => postMessage(report);

addEventListener('message', ({ data: { principal, components } }: MessageEvent<UmapTask>) => {
  const points: number[][] = [];
  for (let at = 0; at < principal.length; at += components) points.push(principal.slice(at, at + components));
  const nNeighbors = Math.min(NEIGHBOURS, points.length - 1);
  const umap = new UMAP({ nComponents: 2, nNeighbors, random: seeded(1) });
  say({ progress: 0 });
  const epochs = umap.initializeFit(points);
  let said = performance.now();
  for (let epoch = 1; epoch <= epochs; epoch++) {
    umap.step();
    if (performance.now() - said < REPORT_MILLISECONDS) continue;
    said = performance.now();
    say({ progress: epoch / epochs });
  }
  say({ xy: umap.getEmbedding().flat() });
});
