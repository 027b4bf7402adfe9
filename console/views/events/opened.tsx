import { useMemo } from 'preact/hooks';
import { ladderChart } from '../../../src/drawing/ladderChart.ts';
import type {
  EventFilter,
  EventRow,
  EventSources,
  ExplainAnswer,
  Label,
} from '../../../src/serve/console/contract.ts';
import { useAnswer } from '../../answers.ts';
import { Drawing } from '../../drawing.tsx';
import { Waiting } from '../../parts.tsx';
import { linkTo } from '../../route.ts';
import { Name, nats, VerdictBadge } from '../../text.tsx';
import { useWidth } from '../../width.ts';
import { pText } from './figures.ts';
import { parametersOf } from './filters.ts';
import type { Labelling } from './labelling.ts';

/** Narrower, its columns run into each other. */
const LEAST_LADDER = 280;
/** Differences of rounding are none. */
const SAME_NATS = 0.005;

interface Props {
  row: EventRow;
  label: Label | null;
  /** where it is shown from */
  source: EventFilter['source'];
  sources: EventSources | undefined;
  labelling: Labelling;
}

/** An event with the reasons for its verdict, and what a person can say of it. */
export function OpenedEvent({ row, label, source, sources, labelling }: Props) {
  const { entity, address } = row;
  const explained = useAnswer<ExplainAnswer>('v1/explain', { entity, address });
  const now = explained.answer;
  return (
    <div class="ev-opened">
      <div class="ev-why">
        <Waiting of={explained} what="the reasons" />
        {now && (
          <>
            <ul class="ev-reasons">
              {now.reasons.map(({ code, sentence }) => (
                <li key={code}>
                  <Name text={sentence} most={400} />
                </li>
              ))}
            </ul>
            <Changed row={row} now={now} />
          </>
        )}
        <Say row={row} label={label} sources={sources} labelling={labelling} />
        <p class="ev-links">
          <a href={linkTo('account', { entity })}>
            Account <Name text={entity} most={28} />
          </a>
          <a href={eventsBy({ entity, source })}>Its events</a>
          <a href={eventsBy({ network: networkOf(address), source })}>Events from {networkOf(address)}</a>
        </p>
      </div>
      {now && now.ladder.length > 0 && <Ladder ladder={now.ladder} />}
    </div>
  );
}

/** Drawn for the room there is, so that its letters keep their size. */
function Ladder({ ladder }: { ladder: ExplainAnswer['ladder'] }) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const picture = useMemo(
    () => (width > 0 ? ladderChart(ladder, { width: Math.max(LEAST_LADDER, width) }) : undefined),
    [ladder, width],
  );
  return (
    <div ref={ref} class="ev-ladder">
      {picture && <Drawing picture={picture} />}
    </div>
  );
}

const eventsBy = (filter: EventFilter) =>
  linkTo('events', parametersOf({ filter, order: 'latest', page: 0 }));

/** `198.51.100.0/24`, `2001:db8:1::/48` */
function networkOf(address: string): string {
  if (!address.includes(':')) return `${address.split('.').slice(0, 3).join('.')}.0/24`;
  // Of the first 48 bits those before the gap are written out; the gap stands for zeros.
  const groups = address
    .split('::')[0]
    .split(':')
    .filter((group) => group !== '')
    .slice(0, 3);
  return `${groups.join(':')}::/48`;
}

/** What the model says now, where that is not what was said when the event was scored. */
function Changed({ row, now }: { row: EventRow; now: ExplainAnswer }) {
  if (Math.abs(now.anomaly - row.anomaly) < SAME_NATS && now.verdict === row.verdict) return null;
  return (
    <p class="ev-changed">
      When it was scored: <VerdictBadge verdict={row.verdict} /> {nats(row.anomaly)} nats. The model says now:{' '}
      <VerdictBadge verdict={now.verdict} /> {nats(now.anomaly)} nats, p {pText(now.p_value)}.
    </p>
  );
}

function Say({ row, label, sources, labelling }: Omit<Props, 'source'>) {
  const { isBusy, say, unsay } = labelling;
  const place = sources?.labels_file
    ? `Kept in ${sources.labels_file}, as evaluate --labelled reads it.`
    : 'Kept until the server ends; --labels FILE keeps them.';
  return (
    <div class="ev-say">
      <button
        type="button"
        disabled={isBusy}
        aria-pressed={label === 'honest'}
        onClick={() => say(row, 'honest')}
      >
        <span aria-hidden="true">✓</span> This was them <kbd>y</kbd>
      </button>
      <button
        type="button"
        disabled={isBusy}
        aria-pressed={label === 'attack'}
        onClick={() => say(row, 'attack')}
      >
        <span aria-hidden="true">✗</span> This was not <kbd>n</kbd>
      </button>
      {label !== null && (
        <button type="button" disabled={isBusy} onClick={() => unsay(row)}>
          Take back <kbd>u</kbd>
        </button>
      )}
      <p class="soft">{place} The model learns an honest event that is later than all it was trained on.</p>
    </div>
  );
}
