import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { EventFilter, EventRow, EventSources, Label } from '../../../src/serve/console/contract.ts';
import { Name, nats, timeText, VerdictBadge } from '../../text.tsx';
import { pText } from './figures.ts';
import type { Labelling } from './labelling.ts';
import { OpenedEvent } from './opened.tsx';

interface Props {
  rows: EventRow[];
  /** of the first row among all that are meant, from 0 */
  offset: number;
  total: number;
  sources: EventSources | undefined;
  source: EventFilter['source'];
  /** position of the row that keys act on */
  cursor: number;
  opened: number | undefined;
  labelling: Labelling;
  table: RefObject<HTMLTableElement | null>;
  onCursor: (position: number) => void;
  onOpen: (id: number | undefined) => void;
}

/** Events as rows that open. One row at a time is a stop of the Tab key; arrows move it. */
export function EventTable(props: Props) {
  const { rows, offset, total, sources, source, cursor, opened, labelling, table } = props;
  const tables = sources?.tables ?? [];
  const columns = 6 + (tables.length > 0 ? 1 : 0);
  return (
    <div class="wide">
      {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: ARIA's own pattern of rows that open */}
      <table class="ev-table" role="treegrid" aria-label="Events" aria-rowcount={total + 1} ref={table}>
        <thead>
          <tr>
            <th scope="col">Verdict</th>
            <th scope="col" class="number" title="in nats; high = strange, 0 where an attacker is as likely">
              Anomaly
            </th>
            <th scope="col" class="number" title="share of honest events at least this strange">
              p-value
            </th>
            <th scope="col">Account</th>
            <th scope="col">Address</th>
            {tables.length > 0 && <th scope="col">Provider, country</th>}
            <th scope="col">Time (UTC)</th>
            <th scope="col">Label</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => {
            const label = labelling.labelOf(row);
            const isOpen = row.id === opened;
            return [
              <Row
                key={row.id}
                row={row}
                label={label}
                number={offset + i + 2}
                hasTables={tables.length > 0}
                isCursor={i === cursor}
                isOpen={isOpen}
                onChoose={() => {
                  props.onCursor(i);
                  props.onOpen(isOpen ? undefined : row.id);
                }}
                onFocus={() => props.onCursor(i)}
              />,
              isOpen && (
                <tr key={`opened ${row.id}`} class="ev-detail" data-id={row.id} aria-level={2}>
                  <td colSpan={columns + 1}>
                    <OpenedEvent
                      row={row}
                      label={label}
                      source={source}
                      sources={sources}
                      labelling={labelling}
                    />
                  </td>
                </tr>
              ),
            ];
          })}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  row: EventRow;
  label: Label | null;
  number: number;
  hasTables: boolean;
  isCursor: boolean;
  isOpen: boolean;
  onChoose: () => void;
  onFocus: () => void;
}

function Row({ row, label, number, hasTables, isCursor, isOpen, onChoose, onFocus }: RowProps) {
  const groups = [row.provider, row.country].filter((one) => one !== null);
  const element = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    // Opened by a key near the end of the window, what it shows would lie below it.
    if (isOpen) element.current?.nextElementSibling?.scrollIntoView({ block: 'nearest' });
  }, [isOpen]);
  return (
    <tr
      ref={element}
      class="ev-row"
      data-id={row.id}
      tabIndex={isCursor ? 0 : -1}
      aria-level={1}
      aria-expanded={isOpen}
      aria-rowindex={number}
      onClick={() => {
        // Whoever selects a text to copy it opens nothing.
        if (getSelection()?.isCollapsed !== false) onChoose();
      }}
      onFocus={onFocus}
    >
      <td>
        <VerdictBadge verdict={row.verdict} />
      </td>
      <td class="number">{nats(row.anomaly)}</td>
      <td class="number ev-p">{pText(row.p_value)}</td>
      <td class="ev-account">
        <Name text={row.entity} most={30} />
      </td>
      <td class={row.address.includes(':') ? 'ev-address long' : 'ev-address'}>{row.address}</td>
      {hasTables && (
        <td class="ev-group">{groups.length === 0 ? '–' : <Name text={groups.join(' · ')} most={32} />}</td>
      )}
      <td class="ev-time">{timeText(row.time)}</td>
      <td class="ev-label">
        <LabelText label={label} />
      </td>
    </tr>
  );
}

function LabelText({ label }: { label: Label | null }) {
  if (label === null) return <span class="soft">–</span>;
  return label === 'honest' ? (
    <span class="ev-said honest">
      <span aria-hidden="true">✓</span> was them
    </span>
  ) : (
    <span class="ev-said attack">
      <span aria-hidden="true">✗</span> was not
    </span>
  );
}
