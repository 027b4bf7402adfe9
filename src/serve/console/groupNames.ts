import type { AddressWords } from '../../addresses/address.ts';
import { type GroupKind, type GroupTable, NO_GROUP } from '../../addresses/groupTable.ts';
import type { Model } from '../../model/model.ts';

/** Names providers and countries by the tables at hand: those that the console was given, or the model's own. */
export class GroupNames {
  readonly #tables: Partial<Record<GroupKind, GroupTable>> = {};

  constructor(given: GroupTable[], { history }: Model) {
    for (const table of [...history.groups.map(({ table }) => table), ...given]) {
      this.#tables[table.parts.kind] = table;
    }
  }

  /** Which there are. */
  get kinds(): GroupKind[] {
    return Object.keys(this.#tables) as GroupKind[];
  }

  get tables(): GroupTable[] {
    return Object.values(this.#tables);
  }

  table(kind: GroupKind): GroupTable | undefined {
    return this.#tables[kind];
  }

  /** `AS64500 Example` or two letters; null without a table, and where no range of it holds the address. */
  nameOf(kind: GroupKind, words: AddressWords, index = 0): string | null {
    const table = this.#tables[kind];
    const group = table?.find(words, index) ?? NO_GROUP;
    return table === undefined || group === NO_GROUP ? null : table.label(group);
  }
}
