import type { AccountAnswer } from '../../../src/serve/console/contract.ts';
import { percent } from '../../text.tsx';

/** From so large a part of its events on, an account is usually there. */
const USUALLY = 0.5;
const NAMED = 3;

/** Where the account signs in from, in one sentence. */
export function headline({ events, providers, networks }: AccountAnswer): string {
  const named = providers.filter(({ provider, country }) => provider !== null || country !== null);
  const parts =
    named.length > 0
      ? named.map(({ provider, country, events }) => ({
          name: [provider, country].filter((one) => one !== null).join(', '),
          events,
        }))
      : networks
          .map(({ network, events }) => ({ name: network, events }))
          .toSorted((a, b) => b.events - a.events);
  if (parts.length === 0 || events === 0) return 'No place of this account is known.';
  const share = (part: { events: number }) => part.events / events;
  const text = (part: { name: string; events: number }) => `${part.name} (${percent(share(part))})`;
  const [first, ...others] = parts;
  if (first.events === events) return `Always from ${first.name}.`;
  const isUsual = share(first) >= USUALLY;
  const most = `${first.name} (${percent(share(first))} of its events)`;
  const rest = others.slice(0, NAMED - 1).map(text);
  if (!isUsual) return `From many networks, most often ${joined([most, ...rest])}.`;
  return `Usually from ${most}${rest.length > 0 ? `, also from ${joined(rest)}` : ''}.`;
}

const joined = (parts: string[]) =>
  parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
