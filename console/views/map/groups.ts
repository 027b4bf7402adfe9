import { GROUP_COLOURS } from '../../../src/drawing/chart.ts';
import type { MapAnswer } from '../../../src/serve/console/contract.ts';
import { grouped } from '../../text.tsx';

export type ColourBy = 'provider' | 'country' | 'size' | 'family';

/** What a point is drawn as: by colour, and for those who cannot tell colours by shape. */
export interface MapGroup {
  name: string;
  count: number;
  /** of `--group-0` …; −1: grey */
  colour: number;
  shape: number;
}

export interface Grouping {
  groups: MapGroup[];
  /** index into `groups` of each point. N */
  of: Uint8Array;
}

/** Shapes that can be told apart at the size of a point. */
export const SHAPES = 6;
const GREY = -1;
/** Colours of sizes: from few to many. */
const SIZE_COLOURS = [5, 0, 6, 3, 1];

/** What points can be coloured by, the most telling first. */
export const coloursOf = ({ kind, tables }: MapAnswer): ColourBy[] => [
  ...(tables.includes('asn') ? (['provider'] as const) : []),
  ...(tables.includes('country') ? (['country'] as const) : []),
  ...(kind === 'networks' ? (['family'] as const) : []),
  'size',
];

/** @param drawn how many points are drawn, of which groups are counted */
export function groupingOf(map: MapAnswer, by: ColourBy, drawn: number): Grouping {
  const grouping = groupsOf(map, by);
  for (const index of grouping.of.subarray(0, drawn)) grouping.groups[index].count++;
  return grouping;
}

function groupsOf(map: MapAnswer, by: ColourBy): Grouping {
  if (by === 'size') return bySize(map);
  if (by === 'family') return byFamily(map);
  const [indices, names] =
    by === 'provider' ? [map.providers, map.provider_names] : [map.countries, map.country_names];
  const groups = names
    .slice(0, GROUP_COLOURS)
    .map((name, i): MapGroup => ({ name, count: 0, colour: i, shape: i % SHAPES }));
  const others = groups.length;
  const rest = names.length - others;
  const name = rest > 0 ? `${grouped(rest)} others` : `no ${by} known`;
  groups.push({ name, count: 0, colour: GREY, shape: 0 });
  return {
    groups,
    of: Uint8Array.from(indices.map((index) => (index >= 0 && index < others ? index : others))),
  };
}

/** By powers of ten. */
function bySize({ kind, sizes }: MapAnswer): Grouping {
  const most = sizes.reduce((most, size) => Math.max(most, size), 1);
  const decades = Math.min(SIZE_COLOURS.length, Math.floor(Math.log10(most)) + 1);
  const what = kind === 'accounts' ? 'events' : 'accounts';
  const groups = Array.from({ length: decades }, (_, i): MapGroup => {
    const [from, to] = [10 ** i, 10 ** (i + 1) - 1];
    const isLast = i === decades - 1;
    const name = isLast ? `${grouped(from)} ${what} or more` : `${grouped(from)} to ${grouped(to)} ${what}`;
    return { name, count: 0, colour: SIZE_COLOURS[i], shape: i };
  });
  return {
    groups,
    of: Uint8Array.from(
      sizes.map((size) => Math.min(decades - 1, Math.floor(Math.log10(Math.max(1, size))))),
    ),
  };
}

function byFamily({ names }: MapAnswer): Grouping {
  const groups = ['IPv4', 'IPv6'].map((name, i): MapGroup => ({ name, count: 0, colour: i, shape: i }));
  return {
    groups,
    of: Uint8Array.from(names.map((name) => (name?.includes(':') ? 1 : 0))),
  };
}
