import { type AddressWords, isIpv4, parseAddress, sharedBits } from '../addresses/address.ts';

/** A network that an account uses, with those in it. */
export interface IcicleNetwork {
  /** `198.51.100.0/24`, or an address */
  network: string;
  /** of its prefix, in its family */
  length: number;
  places: number;
  events: number;
  /** seconds since 1970; null where unknown */
  last_time: number | null;
  provider: string | null;
  country: string | null;
  children: IcicleNetwork[];
}

/** Where a network is drawn. */
export interface IcicleCell {
  node: IcicleNetwork;
  /** the widest network that it lies in */
  root: IcicleNetwork;
  /** columns [from, to) */
  from: number;
  to: number;
  top: number;
  bottom: number;
}

/** Networks of one family, with a heading of their own. */
export interface IcicleBlock {
  /** above it the heading stands */
  top: number;
  /** `/8`, `/16`, `address`: of each column */
  titles: string[];
  /** wide before narrow */
  cells: IcicleCell[];
}

export interface IcicleLayout {
  blocks: IcicleBlock[];
  bottom: number;
  /**
   * The lane of an address: the middle of the narrowest network drawn that holds it.
   * @returns undefined where none does; `isOwn` where it is drawn to the end, and not just near what the account used
   */
  lane(address: string): { cell: IcicleCell; isOwn: boolean } | undefined;
}

/** Room above each block for the titles of its columns. */
const HEADING = 22;
/** So high is the least network, the fewer there are the higher: [networks at most, height in pixels]. */
const LEAST_HEIGHTS = [
  [10, 24],
  [24, 16],
  [64, 12.5],
  [128, 6],
  [Number.POSITIVE_INFINITY, 4],
] as const;
/** Height for each network beyond the least, shared out by events: between these bounds in all. */
const SPARE = { each: 8, least: 50, most: 260 };

/** Heights by events, wide networks left of those in them; each column is one length of prefixes that is in use. */
export function icicleLayout(networks: IcicleNetwork[]): IcicleLayout {
  const families = [true, false]
    .map((ipv4) => networks.filter(({ network }) => isIpv4(prefixOf(network).words) === ipv4))
    .filter((roots) => roots.length > 0);
  const ends = networks.flatMap(endsOf);
  const least = LEAST_HEIGHTS.find(([most]) => ends.length <= most)![1];
  const spare = Math.min(SPARE.most, Math.max(SPARE.least, ends.length * SPARE.each));
  const events = ends.reduce((sum, node) => sum + node.events, 0);
  const heightOf = (node: IcicleNetwork) => least + (events > 0 ? (spare * node.events) / events : 0);
  let y = 0;
  const blocks = families.map((roots): IcicleBlock => {
    const lengths = [...new Set(roots.flatMap(allOf).map(({ length }) => length))].sort((a, b) => a - b);
    const cells: IcicleCell[] = [];
    const place = (node: IcicleNetwork, root: IcicleNetwork, from: number) => {
      const to = lengths.indexOf(node.length) + 1;
      const cell = {
        node,
        root,
        from,
        to: node.children.length === 0 ? lengths.length : to,
        top: y,
        bottom: y,
      };
      cells.push(cell);
      if (node.children.length === 0) y += heightOf(node);
      for (const child of node.children) place(child, root, to);
      cell.bottom = y;
    };
    y += HEADING;
    const top = y;
    for (const root of roots) place(root, root, 0);
    const ipv4 = isIpv4(prefixOf(roots[0].network).words);
    return {
      top,
      cells,
      titles: lengths.map((length) => (ipv4 && length === 32 ? 'address' : `/${length}`)),
    };
  });
  const cells = blocks.flatMap((block) => block.cells);
  const prefixes = cells.map((cell) => ({ cell, ...prefixOf(cell.node.network) }));
  return {
    blocks,
    bottom: y,
    lane(address) {
      const words = parseAddress(address);
      if (!words) return undefined;
      const ipv4 = isIpv4(words);
      const found = prefixes.findLast(
        (one) => isIpv4(one.words) === ipv4 && sharedBits(one.words, 0, words, 0) >= one.bits,
      );
      return found && { cell: found.cell, isOwn: found.cell.node.children.length === 0 };
    },
  };
}

const allOf = (node: IcicleNetwork): IcicleNetwork[] => [node, ...node.children.flatMap(allOf)];

/** The networks that are told apart no further. */
export const endsOf = (node: IcicleNetwork): IcicleNetwork[] =>
  node.children.length === 0 ? [node] : node.children.flatMap(endsOf);

/** @returns the network's first address, and of how many of 128 bits it is */
function prefixOf(network: string): { words: AddressWords; bits: number } {
  const [address, length] = network.split('/');
  const words = parseAddress(address) ?? new Uint32Array(4);
  const given = length === undefined ? 128 : Number(length) + (isIpv4(words) ? 96 : 0);
  return { words, bits: given };
}

/** What networks are coloured by: their providers where any is known, else the widest network around them. */
export interface IcicleGroups {
  by: 'provider' | 'network';
  /** with the most events first, as many as there are colours */
  names: string[];
  /** index into `names`; −1 for all others */
  of: (cell: IcicleCell) => number;
}

/** @param colours how many can be told apart */
export function icicleGroups(networks: IcicleNetwork[], colours: number): IcicleGroups {
  const events = new Map<string, number>();
  const count = (name: string | null, node: IcicleNetwork) => {
    if (name !== null) events.set(name, (events.get(name) ?? 0) + node.events);
  };
  for (const node of networks.flatMap(endsOf)) count(node.provider, node);
  const by = events.size > 0 ? 'provider' : 'network';
  if (by === 'network') for (const root of networks) count(root.network, root);
  const names = [...events]
    .sort((a, b) => b[1] - a[1])
    .slice(0, colours)
    .map(([name]) => name);
  return {
    by,
    names,
    of: ({ node, root }) => names.indexOf((by === 'provider' ? node.provider : root.network) ?? ''),
  };
}
