import type { MapAnswer } from '../../../src/serve/console/contract.ts';
import { visible } from '../../text.tsx';

/** Of a name in a line of text. */
const MOST_CHARACTERS = 48;

/** What stands for a point in lists and under the pointer. */
export function nameOf({ names, kind, ids }: MapAnswer, point: number): string {
  const name = names[point];
  if (name !== null) return name;
  return kind === 'accounts' ? `account ${ids[point]}, name not known` : `network ${ids[point]}`;
}

/** The same where markup cannot isolate it. */
export const shortName = (map: MapAnswer, point: number): string => {
  const characters = Array.from(visible(nameOf(map, point)));
  return characters.length <= MOST_CHARACTERS
    ? characters.join('')
    : `${characters.slice(0, MOST_CHARACTERS - 1).join('')}…`;
};

/** The points of which the name, provider or country contains a text, in any case of letters. */
export function matchesOf(map: MapAnswer, text: string): number[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return [];
  const has = (name: string | null | undefined) => name?.toLowerCase().includes(wanted) === true;
  // Each provider's name is looked at once.
  const providers = map.provider_names.map(has);
  const countries = map.country_names.map((name) => name.toLowerCase() === wanted);
  return map.names.flatMap((name, i) =>
    has(name) || providers[map.providers[i]] || countries[map.countries[i]] ? [i] : [],
  );
}
