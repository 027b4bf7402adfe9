import { formatAddress } from '../../addresses/address.ts';
import { formatTime } from '../../events/time.ts';
import { roundedFigures } from '../../inference/answer.ts';
import { LABELS } from '../../scores/eventFilter.ts';
import { VERDICTS } from '../../scores/scoredEvents.ts';
import { csvField } from '../journal.ts';
import type { EventRow } from './contract.ts';
import type { EventTable } from './eventTable.ts';
import type { GroupNames } from './groupNames.ts';

/** An event as the API tells it. @param i its position in the table */
export function rowOf(table: EventTable, names: GroupNames | undefined, i: number): EventRow {
  const { events } = table;
  const words = events.addresses;
  const pValue = events.pValue[i];
  const label = LABELS[table.labelColumn[i]];
  const figures = roundedFigures({
    isKnown: true,
    dotProduct: events.dotProduct[i],
    anomaly: events.anomaly[i],
    pValue: Number.isNaN(pValue) ? null : pValue,
    verdict: VERDICTS[events.verdict[i]],
  });
  return {
    id: table.firstId + i,
    entity: events.entities.name(events.entity[i]),
    address: formatAddress(words, i),
    time: Number.isNaN(events.time[i]) ? null : events.time[i],
    ...figures,
    provider: names?.nameOf('asn', words, i) ?? null,
    country: names?.nameOf('country', words, i) ?? null,
    label: label === 'none' ? null : label,
  };
}

const HEADER = 'entity,address,time,dot_product,anomaly,p_value,verdict,provider,country,label\r\n';
/** What is written between two looks at whether the reader wants more. */
const ROWS_IN_PIECE = 500;

/** Events as CSV (RFC 4180), piece by piece. @param positions in the order in which they are written */
export function* csvOf(
  table: EventTable,
  names: GroupNames | undefined,
  positions: Uint32Array,
): Generator<string> {
  let text = HEADER;
  for (let k = 0; k < positions.length; k++) {
    const row = rowOf(table, names, positions[k]);
    const fields = [
      guarded(row.entity),
      row.address,
      row.time === null ? '' : formatTime(row.time),
      row.dot_product,
      row.anomaly,
      row.p_value ?? '',
      row.verdict,
      guarded(row.provider ?? ''),
      row.country ?? '',
      row.label ?? '',
    ];
    text += `${fields.join(',')}\r\n`;
    if ((k + 1) % ROWS_IN_PIECE !== 0) continue;
    yield text;
    text = '';
  }
  yield text;
}

/** A text that a spreadsheet would run as a formula gets an apostrophe in front, by which it is taken as text. */
const guarded = (text: string) => csvField(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
