import type { EntityDictionary } from '../../events/events.ts';
import { Slices } from './slices.ts';

/** Names that are looked at before the best are chosen. */
const MOST_HITS = 500;
/** Names that are added before others get their turn: about 10 ms. */
const SLICE = 20_000;

/** Finds names by a part of them, in any case of letters. It learns the names that were added at each search. */
export class AccountNames {
  readonly #entities: EntityDictionary;
  /** all names in small letters, one after another */
  #bytes: Buffer = Buffer.alloc(4096);
  #ends: Float64Array = new Float64Array(1024);
  #count = 0;
  #learning: Promise<void> | undefined;

  constructor(entities: EntityDictionary) {
    this.#entities = entities;
  }

  /** How many names there are. */
  get count(): number {
    return this.#entities.count;
  }

  /** @returns the name of an account, given the two words of its hash; null where no event of it is loaded */
  nameOf([low, high]: [low: number, high: number]): string | null {
    const number = this.#entities.findHash(low, high);
    return number < 0 ? null : this.#entities.name(number);
  }

  /**
   * Names that contain the text: the name itself first, then those that begin with it, shorter ones first.
   * Of a text that very many contain, the first to come are looked at.
   */
  async find(text: string, most: number): Promise<string[]> {
    this.#learning ??= this.#learn().finally(() => {
      this.#learning = undefined;
    });
    await this.#learning;
    const small = text.toLowerCase();
    const hits: string[] = [];
    if (small !== '')
      for (const entity of this.#hits(Buffer.from(small))) hits.push(this.#entities.name(entity));
    else for (let e = 0; e < Math.min(most, this.count); e++) hits.push(this.#entities.name(e));
    // The whole name is found however many others contain it.
    if (text !== '' && this.#entities.find(text) >= 0 && !hits.includes(text)) hits.push(text);
    const rank = (name: string) => (name === text ? 0 : name.toLowerCase().startsWith(small) ? 1 : 2);
    return hits
      .map((name) => ({ name, rank: rank(name) }))
      .sort((a, b) => a.rank - b.rank || a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
      .slice(0, most)
      .map(({ name }) => name);
  }

  #hits(needle: Buffer): number[] {
    const entities: number[] = [];
    const bytes = this.#bytes.subarray(0, this.#count === 0 ? 0 : this.#ends[this.#count - 1]);
    for (let at = bytes.indexOf(needle); at >= 0; ) {
      const entity = this.#at(at);
      const end = this.#ends[entity];
      if (at + needle.length <= end) {
        entities.push(entity);
        if (entities.length === MOST_HITS) return entities;
      }
      // What goes over the end of a name is none; one hit of each is enough.
      at = bytes.indexOf(needle, at + needle.length <= end ? end : at + 1);
    }
    return entities;
  }

  /** The name that a byte belongs to. */
  #at(byte: number): number {
    let low = 0;
    let high = this.#count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle] > byte) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async #learn(): Promise<void> {
    const slices = new Slices();
    while (this.#count < this.#entities.count) {
      const to = Math.min(this.#entities.count, this.#count + SLICE);
      for (; this.#count < to; this.#count++)
        this.#add(Buffer.from(this.#entities.name(this.#count).toLowerCase()));
      await slices.rest();
    }
  }

  #add(name: Buffer): void {
    const at = this.#count === 0 ? 0 : this.#ends[this.#count - 1];
    const end = at + name.length;
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(end, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    if (this.#count === this.#ends.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#ends);
      this.#ends = larger;
    }
    name.copy(this.#bytes, at);
    this.#ends[this.#count] = end;
  }
}
