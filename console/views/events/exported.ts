import { ask } from '../../api.ts';
import type { Shown } from './filters.ts';

/** Saves the events that are meant as a file. @throws Refused in the server's words */
export async function saveAsCsv({ filter, order }: Shown): Promise<void> {
  const response = await ask('POST', 'v1/events/export', { filter, order });
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = 'events.csv';
  link.click();
  // The browser has begun to save it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
