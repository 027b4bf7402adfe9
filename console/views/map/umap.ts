import { useEffect, useState } from 'preact/hooks';
import type { MapAnswer } from '../../../src/serve/console/contract.ts';
import { startWorker } from '../../drawing.tsx';
import type { UmapReport, UmapTask } from './umapWorker.ts';
import umapWorker from './umapWorker.ts?worker&url';

/** More take longer than a person waits: 3,000 took 12 s on a machine of two busy cores. */
export const UMAP_POINTS = 3000;
/** Fewer have no neighbourhoods to keep together. */
export const UMAP_LEAST = 5;

export interface UmapState {
  /** from 0 to 1; undefined: not asked for, or done */
  progress: number | undefined;
  /** N × 2, for as many of the first points as there may be */
  xy: number[] | undefined;
  fault: string | undefined;
}

const IDLE: UmapState = { progress: undefined, xy: undefined, fault: undefined };

/** The points laid out by UMAP, in a thread of its own. @param map undefined: nothing is to be laid out */
export function useUmap(map: MapAnswer | undefined): UmapState {
  const [state, setState] = useState(IDLE);
  useEffect(() => {
    setState(IDLE);
    if (!map || map.ids.length < UMAP_LEAST || map.components === 0) return;
    setState({ ...IDLE, progress: 0 });
    const worker = startWorker(umapWorker);
    worker.onmessage = ({ data }: MessageEvent<UmapReport>) => {
      if ('xy' in data) setState({ ...IDLE, xy: data.xy });
      else setState({ ...IDLE, progress: data.progress });
    };
    worker.onerror = (event) => {
      event.preventDefault();
      setState({ ...IDLE, fault: `UMAP failed: ${event.message || 'the worker did not start'}.` });
    };
    const { components } = map;
    const principal = map.principal.slice(0, UMAP_POINTS * components);
    worker.postMessage({ principal, components } satisfies UmapTask);
    return () => worker.terminate();
  }, [map]);
  return state;
}
