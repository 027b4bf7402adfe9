import './events.css';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { EventHistogram, EventPage, EventSources } from '../../src/serve/console/contract.ts';
import { asRefused, faultText, useAnswer, useBack } from '../answers.ts';
import { Empty, Waiting } from '../parts.tsx';
import { type Route, stayAt } from '../route.ts';
import { counted, grouped, percent } from '../text.tsx';
import { saveAsCsv } from './events/exported.ts';
import { FilterBar } from './events/filterBar.tsx';
import { isFiltered, parametersOf, type Shown, shownBy } from './events/filters.ts';
import { useFresh } from './events/fresh.ts';
import { isTyping, KeysHelp } from './events/keys.tsx';
import { type Labelling, useLabelling } from './events/labelling.ts';
import { EventTable } from './events/table.tsx';
import { Timeline } from './events/timeline.tsx';

const ROWS = 50;
const BINS = 160;
const LOADING_MILLISECONDS = 1500;

/** Scored events: when they were, which are strange, why, and what people say of them. */
export function EventsView({ route }: { route: Route }) {
  const [shown, setShown] = useShown(route);
  const sources = useAnswer<EventSources>('v1/events/sources');
  const hasFiles = (sources.answer?.files.length ?? 0) > 0;
  const source = shown.filter.source ?? (hasFiles ? 'loaded' : 'recent');
  const filter = { ...shown.filter, source };
  const ready = sources.answer !== undefined;
  const offset = shown.page * ROWS;
  const first = useRef<number | null>(null);
  const page = useAnswer<EventPage>(ready ? 'v1/events/query' : undefined, {
    // Later pages go on where the first one was read, whatever came since.
    filter: shown.page > 0 && first.current !== null ? { ...filter, up_to_id: first.current } : filter,
    order: shown.order,
    offset,
    limit: ROWS,
  });
  if (shown.page === 0 && page.answer) first.current = page.answer.last_id;
  const histogram = useAnswer<EventHistogram>(ready ? 'v1/events/histogram' : undefined, {
    filter,
    bins: BINS,
  });
  const isLoading = source === 'loaded' && (page.answer?.loaded ?? 1) < 1;
  const fresh = useFresh(filter, page.answer, source === 'recent');
  const labelling = useLabelling(sources.answer, page.answer);
  const [message, setMessage] = useState<string | undefined>();
  const [cursor, setCursor] = useState(0);
  const [opened, setOpened] = useState<number | undefined>();
  const [showsKeys, setShowsKeys] = useState(false);
  const account = useRef<HTMLInputElement>(null);
  const table = useRef<HTMLTableElement>(null);
  const focusNext = useRef<'first' | 'last' | undefined>(undefined);
  const rows = page.answer?.rows ?? [];
  const total = page.answer?.total ?? 0;

  const readAgain = () => {
    page.again();
    histogram.again();
    sources.again();
  };
  useEffect(() => {
    // Rows that somebody is reading stay where they are until all are there.
    if (!isLoading) return;
    const timer = setInterval(() => {
      if (!table.current?.contains(document.activeElement)) readAgain();
    }, LOADING_MILLISECONDS);
    return () => clearInterval(timer);
  }, [isLoading]);
  useEffect(() => {
    // Where nothing is shown, nothing moves.
    if (fresh > 0 && rows.length === 0) readAgain();
  }, [fresh]);

  const show = (next: Shown) => {
    setShown(next);
    setOpened(undefined);
    setCursor(0);
  };
  const turnTo = (number: number, focus: 'first' | 'last') => {
    focusNext.current = focus;
    show({ ...shown, page: number });
  };
  const focusRow = (position: number) =>
    table.current?.querySelectorAll<HTMLElement>('.ev-row')[position]?.focus();
  // Before the browser draws, as in main.tsx.
  useLayoutEffect(() => {
    if (focusNext.current === undefined || rows.length === 0) return;
    focusRow(focusNext.current === 'first' ? 0 : rows.length - 1);
    focusNext.current = undefined;
  }, [page.answer]);

  /** The row that has the focus, or whose opened part has it: keys act on that alone, whatever moved meanwhile. */
  const focused = () => {
    const id = table.current?.contains(document.activeElement)
      ? document.activeElement!.closest<HTMLElement>('[data-id]')?.dataset.id
      : undefined;
    return rows.findIndex((row) => String(row.id) === id);
  };
  const move = (by: number) => {
    const at = focused();
    const next = at < 0 ? Math.min(cursor, rows.length - 1) : at + by;
    if (next >= rows.length && offset + rows.length < total) turnTo(shown.page + 1, 'first');
    else if (next < 0 && shown.page > 0) turnTo(shown.page - 1, 'last');
    else focusRow(Math.max(0, Math.min(rows.length - 1, next)));
  };
  useKeys({
    move,
    openOrClose: () => {
      const row = rows[focused()];
      setOpened((id) => (id === row?.id ? undefined : row?.id));
    },
    close: () => {
      if (showsKeys) setShowsKeys(false);
      else setOpened(undefined);
      if (focused() >= 0) focusRow(focused());
    },
    say: (label) => {
      const row = rows[focused()];
      if (row) labelling.say(row, label);
    },
    undo: () => {
      const row = rows[focused()];
      if (row && labelling.labelOf(row) !== null) labelling.unsay(row);
      else labelling.undo();
    },
    toFilter: () => account.current?.focus(),
    help: () => setShowsKeys((shows) => !shows),
  });

  const save = async () => {
    setMessage('Writing the file …');
    try {
      await saveAsCsv({ ...shown, filter });
      setMessage(undefined);
    } catch (error) {
      setMessage(faultText(asRefused(error), 'No file was written.'));
    }
  };
  useBack(() => setMessage(undefined));

  return (
    <>
      <div class="ev-head">
        <h1>Events</h1>
        {hasFiles && (sources.answer?.recent_events ?? 0) > 0 && (
          <Switch
            name="Source"
            value={source}
            choices={[
              ['loaded', 'From files'],
              ['recent', 'Recent'],
            ]}
            onChoice={(chosen) => show({ ...shown, page: 0, filter: { ...shown.filter, source: chosen } })}
          />
        )}
        <button
          type="button"
          class="ev-help"
          aria-expanded={showsKeys}
          onClick={() => setShowsKeys(!showsKeys)}
        >
          Keys <kbd>?</kbd>
        </button>
      </div>
      {showsKeys && <KeysHelp />}
      {histogram.answer && (
        <Timeline
          histogram={histogram.answer}
          onRange={(from, to) => show({ ...shown, page: 0, filter: { ...shown.filter, from, to } })}
        />
      )}
      <FilterBar
        filter={shown.filter}
        sources={sources.answer}
        account={account}
        onChange={(changed) => show({ ...shown, page: 0, filter: changed })}
      />
      <div class="ev-counts">
        <span role="status">
          {page.answer && countsText(page.answer, isFiltered(shown.filter), source)}
          {isLoading && ` Reading the files: ${percent(page.answer!.loaded)}.`}
          {message !== undefined && ` ${message}`}
        </span>
        {fresh > 0 && rows.length > 0 && (
          <button
            type="button"
            class="main"
            onClick={() => {
              show({ ...shown, page: 0 });
              readAgain();
            }}
          >
            {grouped(fresh)} new
          </button>
        )}
        <span class="ev-tools">
          <Switch
            name="Order"
            value={shown.order}
            choices={[
              ['strangest', 'Strangest first'],
              ['latest', 'Latest first'],
            ]}
            onChoice={(order) => show({ ...shown, page: 0, order })}
          />
          <button type="button" disabled={total === 0} onClick={save}>
            Export CSV
          </button>
        </span>
      </div>
      <Skipped sources={sources.answer} isShown={source === 'loaded'} />
      <Waiting of={sources.error ? sources : page} what="events" />
      {page.answer && total === 0 && !isLoading && (
        <Nothing source={source} isFiltered={isFiltered(shown.filter)} hasAny={page.answer.all > 0} />
      )}
      {rows.length > 0 && (
        <EventTable
          rows={rows}
          offset={offset}
          total={total}
          sources={sources.answer}
          source={source}
          cursor={Math.min(cursor, rows.length - 1)}
          opened={opened}
          labelling={labelling}
          table={table}
          onCursor={setCursor}
          onOpen={setOpened}
        />
      )}
      {total > ROWS && (
        <nav class="ev-pages" aria-label="Pages of events">
          <button type="button" disabled={shown.page === 0} onClick={() => turnTo(shown.page - 1, 'first')}>
            ‹ Before
          </button>
          <span>
            {grouped(offset + 1)}–{grouped(Math.min(total, offset + ROWS))} of {grouped(total)}
          </span>
          <button
            type="button"
            disabled={offset + ROWS >= total}
            onClick={() => turnTo(shown.page + 1, 'first')}
          >
            Next ›
          </button>
        </nav>
      )}
      <Toast labelling={labelling} />
    </>
  );
}

/** What is shown, kept in the address, so that links and the Back button come to it. */
function useShown(route: Route): [Shown, (shown: Shown) => void] {
  const [shown, setShown] = useState(() => shownBy(route.parameters));
  const known = useRef(route);
  useEffect(() => {
    if (known.current === route) return;
    known.current = route;
    setShown(shownBy(route.parameters));
  }, [route]);
  return [
    shown,
    (next) => {
      setShown(next);
      stayAt('events', parametersOf(next));
    },
  ];
}

interface KeyActions {
  move: (by: number) => void;
  openOrClose: () => void;
  close: () => void;
  say: (label: 'honest' | 'attack') => void;
  undo: () => void;
  toFilter: () => void;
  help: () => void;
}

/** Keys without a modifier, where nobody types. Those that say something count on a row only. */
function useKeys(actions: KeyActions): void {
  const current = useRef(actions);
  current.current = actions;
  // From the moment that rows can be seen.
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const act = current.current;
      if (isTyping(event.target)) {
        if (event.key === 'Escape') (event.target as HTMLElement).blur();
        return;
      }
      const onRow = document.activeElement?.classList.contains('ev-row') ?? false;
      const doing: Record<string, (() => void) | false> = {
        j: () => act.move(1),
        k: () => act.move(-1),
        ArrowDown: onRow && (() => act.move(1)),
        ArrowUp: onRow && (() => act.move(-1)),
        Enter: onRow && act.openOrClose,
        Escape: act.close,
        y: () => act.say('honest'),
        n: () => act.say('attack'),
        u: act.undo,
        '/': act.toFilter,
        '?': act.help,
      };
      const action = Object.hasOwn(doing, event.key) && doing[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
}

interface SwitchProps<T extends string> {
  name: string;
  value: T;
  choices: [value: T, text: string][];
  onChoice: (value: T) => void;
}

function Switch<T extends string>({ name, value, choices, onChoice }: SwitchProps<T>) {
  return (
    <fieldset class="ev-switch" aria-label={name}>
      {choices.map(([choice, text]) => (
        <button key={choice} type="button" aria-pressed={choice === value} onClick={() => onChoice(choice)}>
          {text}
        </button>
      ))}
    </fieldset>
  );
}

function countsText({ all, total }: EventPage, isFiltered: boolean, source: string): string {
  const what = source === 'recent' ? 'recent event' : 'event';
  return isFiltered ? `${grouped(total)} of ${counted(all, what)}` : counted(all, what);
}

function Skipped({ sources, isShown }: { sources: EventSources | undefined; isShown: boolean }) {
  if (!sources || sources.skipped === 0 || !isShown) return null;
  return (
    <details class="ev-skipped">
      <summary>{counted(sources.skipped, 'line')} left out</summary>
      <ul>
        {sources.skipped_reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
    </details>
  );
}

function Nothing({ source, isFiltered, hasAny }: { source: string; isFiltered: boolean; hasAny: boolean }) {
  if (isFiltered && hasAny) return <Empty>No event is like that. Clear the filter to see all.</Empty>;
  return source === 'recent' ? (
    <Empty>
      No events yet. What this server answers on <code>/v1/score</code> and <code>/invocations</code> appears
      here; start it with <code>--events FILE</code> to look at what was scored before.
    </Empty>
  ) : (
    <Empty>There are no events in the files.</Empty>
  );
}

function Toast({ labelling }: { labelling: Labelling }) {
  const { message, isBusy, undo, dismiss } = labelling;
  return (
    <div class="ev-toasts" role="status" aria-live="polite">
      {message && (
        <div class={message.isFault ? 'ev-toast fault' : 'ev-toast'}>
          <span>{message.text}</span>
          {message.undo && (
            <button type="button" disabled={isBusy} onClick={undo}>
              Undo <kbd>u</kbd>
            </button>
          )}
          <button type="button" aria-label="Dismiss" onClick={dismiss}>
            ×
          </button>
        </div>
      )}
    </div>
  );
}
