import type { Ref } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { EventFilter, EventSources } from '../../../src/serve/console/contract.ts';
import { Name } from '../../text.tsx';
import { changed, inputTime, isFiltered, secondsOf, without } from './filters.ts';

interface Props {
  filter: EventFilter;
  sources: EventSources | undefined;
  /** the field of the account's name */
  account: Ref<HTMLInputElement>;
  onChange: (filter: EventFilter) => void;
}

/** The conditions that events are shown by. */
export function FilterBar({ filter, sources, account, onChange }: Props) {
  const set = (change: Parameters<typeof changed>[1]) => onChange(changed(filter, change));
  const hasTables = (sources?.tables.length ?? 0) > 0;
  return (
    <form class="ev-filters" aria-label="Filter" onSubmit={(event) => event.preventDefault()}>
      <Typed
        label="Account"
        input={account}
        value={filter.account}
        onText={(text) => set({ account: text })}
        hint="part of a name"
      />
      <Typed
        label="Network"
        value={filter.network}
        onText={(text) => set({ network: text })}
        hint="198.51.100.0/24"
      />
      {hasTables && (
        <Typed
          label="Provider or country"
          value={filter.provider}
          onText={(text) => set({ provider: text })}
          hint="AS64500, DE"
        />
      )}
      <Choice
        label="Verdict"
        value={filter.verdict}
        choices={[
          ['suspicious', 'suspicious'],
          ['ok', 'ok'],
          ['unknown', 'unknown'],
        ]}
        onChoice={(verdict) => set({ verdict: verdict as EventFilter['verdict'] })}
      />
      <Choice
        label="Label"
        value={filter.label}
        choices={[
          ['none', 'no label'],
          ['honest', 'was them'],
          ['attack', 'was not'],
        ]}
        onChoice={(label) => set({ label: label as EventFilter['label'] })}
      />
      <Typed
        label="Anomaly from"
        value={filter.least_anomaly === undefined ? undefined : String(filter.least_anomaly)}
        onText={(text) => set({ least_anomaly: isNumber(text) ? Number(text) : '' })}
        hint="nats"
        short
      />
      <span class="ev-times">
        <Time label="From (UTC)" value={filter.from} onTime={(from) => set({ from: from ?? '' })} />
        <Time label="To (UTC)" value={filter.to} onTime={(to) => set({ to: to ?? '' })} />
      </span>
      {filter.entity !== undefined && (
        <span class="ev-chip">
          account is <Name text={filter.entity} most={28} />
          <button type="button" aria-label="All accounts" onClick={() => onChange(without(filter, 'entity'))}>
            ×
          </button>
        </span>
      )}
      {isFiltered(filter) && (
        <button
          class="ev-clear"
          type="button"
          onClick={() => onChange(filter.source === undefined ? {} : { source: filter.source })}
        >
          Clear
        </button>
      )}
    </form>
  );
}

const isNumber = (text: string) => text.trim() !== '' && Number.isFinite(Number(text.replace('−', '-')));

interface TypedProps {
  label: string;
  value: string | undefined;
  hint: string;
  onText: (text: string) => void;
  input?: Ref<HTMLInputElement>;
  short?: boolean;
}

/** A field whose text counts with each key: what is asked for the keys before is given up. */
function Typed({ label, value = '', hint, onText, input, short }: TypedProps) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  useEffect(() => {
    // From outside: a link, or the button that clears all.
    if (value !== told.current) setText(value);
    told.current = value;
  }, [value]);
  const type = (typed: string) => {
    setText(typed);
    if (typed.trim() === told.current) return;
    told.current = typed.trim();
    onText(typed.trim());
  };
  return (
    <label class={short ? 'ev-short' : undefined}>
      {label}
      <input
        ref={input}
        type="text"
        value={text}
        placeholder={hint}
        autoComplete="off"
        spellcheck={false}
        onInput={(event) => type(event.currentTarget.value)}
      />
    </label>
  );
}

interface ChoiceProps {
  label: string;
  value: string | undefined;
  choices: [value: string, text: string][];
  onChoice: (value: string) => void;
}

function Choice({ label, value = '', choices, onChoice }: ChoiceProps) {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => onChoice(event.currentTarget.value)}>
        <option value="">any</option>
        {choices.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

interface TimeProps {
  label: string;
  value: number | undefined;
  onTime: (seconds: number | undefined) => void;
}

function Time({ label, value, onTime }: TimeProps) {
  return (
    <label>
      {label}
      <input
        type="datetime-local"
        step="1"
        value={inputTime(value)}
        onChange={(event) => onTime(secondsOf(event.currentTarget.value))}
      />
    </label>
  );
}
