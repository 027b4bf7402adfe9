import { useEffect, useState } from 'preact/hooks';
import type { EventFilter, EventPage } from '../../../src/serve/console/contract.ts';
import { askJson } from '../../api.ts';

const LOOK_MILLISECONDS = 2000;

/**
 * How many events came since a page was read, by the same filter: the page itself stays as it is.
 * @param isLooking whether any may come
 */
export function useFresh(filter: EventFilter, page: EventPage | undefined, isLooking: boolean): number {
  const [count, setCount] = useState(0);
  const text = JSON.stringify(filter);
  const last = page?.last_id ?? null;
  useEffect(() => {
    setCount(0);
    if (!isLooking || !page) return;
    const since = { ...JSON.parse(text), ...(last !== null && { after_id: last }) };
    const timer = setInterval(async () => {
      if (document.hidden) return;
      try {
        const { total } = await askJson<EventPage>('POST', 'v1/events/query', { filter: since, limit: 0 });
        setCount(total);
      } catch {
        // The page says where the server is away; the next look may find it.
      }
    }, LOOK_MILLISECONDS);
    return () => clearInterval(timer);
  }, [text, last, isLooking, page === undefined]);
  return count;
}
