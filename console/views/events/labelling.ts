import { useEffect, useState } from 'preact/hooks';
import type {
  EventRow,
  EventSources,
  Label,
  LabelAnswer,
  LabelUndone,
} from '../../../src/serve/console/contract.ts';
import { asRefused, faultText, useBack } from '../../answers.ts';
import { askJson } from '../../api.ts';

export interface Message {
  text: string;
  isFault: boolean;
  /** what `undo` takes back; undefined: nothing */
  undo?: { row: EventRow; id: number };
  /** the server did not answer; what stood here before, and comes again when it is back */
  before?: Message | undefined;
}

export interface Labelling {
  /** of an event, with what was said here: rows that were read before do not know it */
  labelOf: (row: EventRow) => Label | null;
  message: Message | undefined;
  isBusy: boolean;
  say: (row: EventRow, label: Label) => void;
  /** the label that an event has */
  unsay: (row: EventRow) => void;
  undo: () => void;
  dismiss: () => void;
}

const eventOf = ({ entity, address, time }: EventRow) => ({ entity, address, time });

/**
 * What people say of events, and how they take it back.
 * @param page the rows that are shown, as they were answered last
 */
export function useLabelling(sources: EventSources | undefined, page: unknown): Labelling {
  const [said, setSaid] = useState<ReadonlyMap<string, Label | null>>(new Map());
  const [message, setMessage] = useState<Message | undefined>();
  const [isBusy, setBusy] = useState(false);

  // Rows that were read since know better.
  useEffect(() => setSaid(new Map()), [page]);

  useBack(() => setMessage((message) => (message && 'before' in message ? message.before : message)));

  const act = async (doing: () => Promise<Message>) => {
    if (isBusy) return;
    setBusy(true);
    // What can still be taken back after this failed.
    const before = message && 'before' in message ? message.before : message;
    try {
      setMessage(await doing());
    } catch (error) {
      const fault = asRefused(error);
      setMessage({
        text: faultText(fault, 'Nothing was kept.'),
        isFault: true,
        ...(before?.undo && { undo: before.undo }),
        ...(fault.status === 0 && { before }),
      });
    }
    setBusy(false);
  };
  const keyOf = (row: EventRow) => JSON.stringify(eventOf(row));
  const remember = (row: EventRow, label: Label | null) =>
    setSaid((said) => new Map(said).set(keyOf(row), label));
  const takeBack = (row: EventRow, which: { id: number } | object) =>
    act(async () => {
      const { label } = await askJson<LabelUndone>('POST', 'v1/labels/undo', which);
      remember(row, label);
      return {
        text: label === null ? 'Taken back.' : `Taken back: ${nameOf(label)} as before.`,
        isFault: false,
      };
    });
  return {
    labelOf: (row) => said.get(keyOf(row)) ?? (said.has(keyOf(row)) ? null : row.label),
    message,
    isBusy,
    say: (row, label) =>
      act(async () => {
        const { id, observed } = await askJson<LabelAnswer>('POST', 'v1/labels', { ...eventOf(row), label });
        remember(row, label);
        return { text: savedText(label, observed, sources), isFault: false, undo: { row, id } };
      }),
    unsay: (row) => void takeBack(row, eventOf(row)),
    undo: () => {
      if (message?.undo) void takeBack(message.undo.row, { id: message.undo.id });
    },
    dismiss: () => setMessage(undefined),
  };
}

const nameOf = (label: Label) => (label === 'honest' ? 'was them' : 'was not them');

/** The last part of a path. */
const fileName = (path: string) => path.split(/[/\\]/).at(-1)!;

function savedText(label: Label, observed: boolean, sources: EventSources | undefined): string {
  const file = sources?.labels_file;
  const kept = file
    ? `kept in ${fileName(file)}`
    : 'kept until the server ends (start it with --labels to keep it)';
  const learned = observed
    ? sources?.keeps_observed_events
      ? '; the model has learned it'
      : '; the model has learned it until it is loaded anew from its file (--journal keeps it)'
    : '';
  return `Saved, ${nameOf(label)}: ${kept}${learned}.`;
}
