import type { EntityDictionary } from '../../events/events.ts';
import type { NameSearch } from '../../scores/nameSearch.ts';

/** Names that are looked at before the best are chosen. */
const MOST_HITS = 500;

/** Finds names by a part of them, in any case of letters. */
export class AccountNames {
  readonly #entities: EntityDictionary;
  readonly #search: NameSearch;
  readonly #refresh: () => Promise<unknown>;

  /** @param refresh has the search know the names that came since the last time */
  constructor(entities: EntityDictionary, search: NameSearch, refresh: () => Promise<unknown>) {
    this.#entities = entities;
    this.#search = search;
    this.#refresh = refresh;
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
    await this.#refresh();
    const found = this.#search.find(text);
    const hits: string[] = [];
    for (let entity = found.indexOf(1); entity >= 0; entity = found.indexOf(1, entity + 1)) {
      hits.push(this.#entities.name(entity));
      if (hits.length === MOST_HITS) break;
    }
    // The whole name is found however many others contain it.
    if (text !== '' && this.#entities.find(text) >= 0 && !hits.includes(text)) hits.push(text);
    const small = text.toLowerCase();
    const rank = (name: string) => (name === text ? 0 : name.toLowerCase().startsWith(small) ? 1 : 2);
    return hits
      .map((name) => ({ name, rank: rank(name) }))
      .sort((a, b) => a.rank - b.rank || a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
      .slice(0, most)
      .map(({ name }) => name);
  }
}
