import type { GroupKind } from '../addresses/groupTable.ts';
import { counted } from '../errors.ts';
import type { ProviderTable } from '../model/trainModel.ts';
import { readGroupTable } from './groupTables.ts';

/**
 * A table as a rung of the ladder; what was cut or dropped is said.
 * @param option how messages call what names the files
 * @param tell   writes a line
 * @throws InputError where one of them cannot be read or tells something else
 */
export function readProviderTable(
  paths: string[],
  kind: GroupKind,
  option: string,
  tell: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): ProviderTable {
  const { table, trimmed, dropped, identity } = readGroupTable(paths, kind, option);
  const count = table.count - 1;
  const groups = kind === 'asn' ? counted(count, 'provider') : counted(count, 'country', 'countries');
  const cut = trimmed > 0 ? `, ${counted(trimmed, 'range')} cut short where the next one begins` : '';
  const lost = dropped > 0 ? `, ${counted(dropped, 'IPv6 range')} narrower than a /64 left out` : '';
  tell(`${identity.name}: ${groups}${cut}${lost}`);
  return { table, ...identity };
}
