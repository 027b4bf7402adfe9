import type { GroupSums } from '../../history/accountGroups.ts';
import { indexed, type PopulationParts, type StoredFamily } from '../../history/populationParts.ts';
import type { FileCard } from '../modelFileKind.ts';
import { type Checksum, type Column, readSections, type Sections } from '../sectionFile.ts';
import type { Bytes } from '../source.ts';
import { HeldRows } from './heldRows.ts';
import { MODEL_PART, type PartCard } from './shardKinds.ts';

/** What is read of the bytes of a model, or of a part of one. */
export interface OpenPart {
  /** those of the accounts that are here, and what their card says of these */
  sections: Sections<FileCard>;
  /** of the whole model */
  card: FileCard;
  /** undefined: all accounts are here */
  held: HeldRows | undefined;
  /** what was counted of all accounts, where they are not all here */
  everybody: { population: PopulationParts; groups: GroupSums[] } | undefined;
}

const MAGIC = new TextEncoder().encode(MODEL_PART.magic);

/** Whether bytes in memory are a part of a model, rather than a whole one. */
export function isPart({ buffer, byteOffset, byteLength }: Bytes): boolean {
  const start = new Uint8Array(buffer, byteOffset, Math.min(MAGIC.length, byteLength));
  return MAGIC.every((byte, i) => start[i] === byte);
}

export function readPart(bytes: Bytes, name: string, checksum: Checksum): OpenPart {
  const sections = readSections(MODEL_PART, bytes, name, checksum);
  const { card: part } = sections;
  return {
    sections: { ...sections, card: cardOfPart(part) },
    card: part.model,
    held: new HeldRows(part.shards, part.borders),
    everybody: everybodyOf(sections),
  };
}

/** The whole's card as if there were no accounts but those that are here. */
function cardOfPart({ model, accounts }: PartCard): FileCard {
  const { entities, untrainedEntities, ipv4Places, ipv6Places, weighted } = accounts;
  return {
    ...model,
    data: { ...model.data, entities, untrainedEntities, ipv4Places, ipv6Places },
    mixture: { ...model.mixture, accounts: weighted },
  };
}

function everybodyOf({ card, column }: Sections<PartCard>) {
  const section = <T extends Column>(name: string) => column<T>(`everybody_${name}`);
  const family = (ipv4: boolean): StoredFamily => {
    const name = ipv4 ? 'ipv4' : 'ipv6';
    const users = section<Uint32Array>(`${name}_users`);
    const words = section<Uint32Array>(`${name}_places`);
    const Q = users.length;
    return {
      ipv4,
      high: words.subarray(0, Q),
      low: words.subarray(Q),
      before: section<Float64Array>(`${name}_before`),
      users,
    };
  };
  const [ipv4, ipv6] = [indexed(family(true)), indexed(family(false))];
  const total = [ipv4, ipv6].reduce((sum, { before }) => sum + before[before.length - 1], 0);
  return {
    population: { accounts: card.everybody.accounts, total, ipv4, ipv6 },
    groups: card.model.mixture.tables.map((_, t) => ({
      shares: section<Float64Array>(`table_${t}_shares`),
      weights: section<Float64Array>(`table_${t}_weights`),
    })),
  };
}
