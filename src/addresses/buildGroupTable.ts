import { InputError } from '../errors.ts';
import { type AddressWords, followsAddress, isIpv4 } from './address.ts';
import { type GroupKind, GroupTable, NO_GROUP } from './groupTable.ts';
import type { RangeColumns } from './rangeLines.ts';

export interface BuiltGroupTable {
  table: GroupTable;
  /** how many IPv6 ranges lie within a network of 64 bits, a half at most, so that the table cannot tell them */
  dropped: number;
}

/**
 * One table out of lists of ranges. Neighbours of the same group become one run. An IPv6 network of 64 bits that
 * several ranges share is given to the one that holds its middle: where single addresses are announced apart, as in
 * some 50 networks of the list of @ip-location-db/asn, that is whoever announces the rest.
 * @param lists in any order, but each family in one of them
 * @throws InputError where two lists have ranges of the same family
 */
export function groupTableOf(kind: GroupKind, lists: readonly RangeColumns[]): BuiltGroupTable {
  const ipv4 = new Ipv4Runs();
  const ipv6 = new Ipv6Runs();
  const names = new Map<number, string>();
  const owners = new Map<string, RangeColumns>();
  for (const list of lists) {
    for (let range = 0; range < list.ids.length; range++) {
      const family = isIpv4(list.firsts, range) ? 'IPv4' : 'IPv6';
      const owner = owners.get(family) ?? list;
      if (owner !== list) {
        throw new InputError(
          `${list.name}: expected no ${family} ranges, as ${owner.name} has them already. Name one list for each family.`,
        );
      }
      owners.set(family, owner);
      (family === 'IPv4' ? ipv4 : ipv6).add(list, range);
    }
    for (const [id, name] of list.names) if (!names.has(id)) names.set(id, name);
  }
  const dropped = ipv6.finish();
  const ids = Uint32Array.from(new Set([NO_GROUP, ...ipv4.ids, ...ipv6.ids])).sort();
  const groups = new Map(Array.from(ids, (id, group) => [id, group]));
  const groupsOf = (runs: number[]) => Uint32Array.from(runs, (id) => groups.get(id)!);
  return {
    table: new GroupTable({
      kind,
      ids,
      names: Array.from(ids, (id) => (id === NO_GROUP ? '' : (names.get(id) ?? ''))),
      ipv4Firsts: Uint32Array.from(ipv4.firsts),
      ipv4Groups: groupsOf(ipv4.ids),
      ipv6Firsts: Uint32Array.from(ipv6.highs.flatMap((high, run) => [high, ipv6.lows[run]])),
      ipv6Groups: groupsOf(ipv6.ids),
    }),
    dropped,
  };
}

/** Runs that cover a whole family, of ranges that come in ascending order. */
class Ipv4Runs {
  readonly firsts: number[] = [0];
  readonly ids: number[] = [NO_GROUP];

  add({ firsts, lasts, ids }: RangeColumns, range: number): void {
    this.#begin(firsts[range * 4 + 3], ids[range]);
    const after = lasts[range * 4 + 3] + 1;
    if (after < 2 ** 32) this.#begin(after, NO_GROUP);
  }

  #begin(first: number, id: number): void {
    const { firsts, ids } = this;
    if (firsts[firsts.length - 1] === first) {
      // The gap after the range before turns out to be empty.
      firsts.pop();
      ids.pop();
    }
    if (ids[ids.length - 1] === id) return;
    firsts.push(first);
    ids.push(id);
  }
}

/** The same at networks of 64 bits, each number of 64 bits in two words. */
class Ipv6Runs {
  readonly highs: number[] = [0];
  readonly lows: number[] = [0];
  readonly ids: number[] = [NO_GROUP];
  /** The range that the next one may continue: what two halves of a network share is the network's. */
  readonly #first = new Uint32Array(4);
  readonly #last = new Uint32Array(4);
  #id = NO_GROUP;
  #dropped = 0;

  add({ firsts, lasts, ids }: RangeColumns, range: number): void {
    if (ids[range] !== this.#id || !followsAddress(firsts, range, this.#last, 0)) {
      this.#close();
      this.#id = ids[range];
      this.#first.set(firsts.subarray(range * 4, range * 4 + 4));
    }
    this.#last.set(lasts.subarray(range * 4, range * 4 + 4));
  }

  /** @returns how many ranges were dropped */
  finish(): number {
    this.#close();
    this.#id = NO_GROUP;
    return this.#dropped;
  }

  #close(): void {
    if (this.#id === NO_GROUP) return;
    // A network is the range's where that holds both of the addresses in its middle.
    const [high, low] = nextUnless(this.#first, this.#first[2] < 2 ** 31);
    const [highAfter, lowAfter] = nextUnless(this.#last, this.#last[2] < 2 ** 31);
    if (high > highAfter || (high === highAfter && low >= lowAfter)) {
      this.#dropped++;
      return;
    }
    this.#begin(high, low, this.#id);
    if (highAfter < 2 ** 32) this.#begin(highAfter, lowAfter, NO_GROUP);
  }

  #begin(high: number, low: number, id: number): void {
    const { highs, lows, ids } = this;
    const top = ids.length - 1;
    if (highs[top] === high && lows[top] === low) {
      highs.pop();
      lows.pop();
      ids.pop();
    }
    if (ids[ids.length - 1] === id) return;
    highs.push(high);
    lows.push(low);
    ids.push(id);
  }
}

/** The network of 64 bits of an address, or the one after it; after the last one comes [2^32, 0]. */
function nextUnless(words: AddressWords, stay: boolean): [high: number, low: number] {
  if (stay) return [words[0], words[1]];
  return words[1] === 0xffffffff ? [words[0] + 1, 0] : [words[0], words[1] + 1];
}
