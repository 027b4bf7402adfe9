import type { EntityDictionary } from '../events/events.ts';

/** So many names are one text: long enough that looking through it is fast, short enough to be made at once. */
const NAMES_IN_BLOCK = 8192;
/** Stands between names. */
const APART = '\u0000';

interface Block {
  /** names in lower case, each with APART before and behind */
  text: string;
  /** where each name begins in the text; ascending */
  starts: number[];
}

/** Finds the names that hold a text, whatever the case of letters: a million names in some milliseconds. */
export class NameSearch {
  readonly #entities: EntityDictionary;
  readonly #blocks: Block[] = [];
  #count = 0;

  constructor(entities: EntityDictionary) {
    this.#entities = entities;
  }

  /** Takes the names that came since the last time, in steps of some milliseconds. */
  *refresh(): Generator<void> {
    // The last block may have had room.
    if (this.#count % NAMES_IN_BLOCK !== 0) this.#count -= this.#blocks.pop()!.starts.length;
    while (this.#count < this.#entities.count) {
      const end = Math.min(this.#entities.count, this.#count + NAMES_IN_BLOCK);
      const starts: number[] = [];
      const names: string[] = [];
      let at = APART.length;
      for (let entity = this.#count; entity < end; entity++) {
        const name = this.#entities.name(entity).toLowerCase();
        starts.push(at);
        names.push(name);
        at += name.length + APART.length;
      }
      this.#blocks.push({ text: `${APART}${names.join(APART)}${APART}`, starts });
      this.#count = end;
      yield;
    }
  }

  /** @returns u8[E]: 1 for each entity whose name holds the text */
  find(text: string): Uint8Array {
    const found = new Uint8Array(this.#entities.count);
    const wanted = text.toLowerCase();
    if (wanted === '') return found.fill(1);
    for (const [b, block] of this.#blocks.entries()) {
      for (let at = block.text.indexOf(wanted); at >= 0; ) {
        const i = lastAtMost(block.starts, at);
        const end = (block.starts[i + 1] ?? block.text.length) - APART.length;
        if (i >= 0 && at + wanted.length <= end) found[b * NAMES_IN_BLOCK + i] = 1;
        at = block.text.indexOf(wanted, Math.max(at + 1, end));
      }
    }
    return found;
  }
}

/** @returns the place of the last number that is at most so large, −1 where none is */
function lastAtMost(ascending: number[], most: number): number {
  let low = -1;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (ascending[middle] <= most) low = middle;
    else high = middle - 1;
  }
  return low;
}
