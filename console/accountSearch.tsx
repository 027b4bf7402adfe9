import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { AccountsFound } from '../src/serve/console/contract.ts';
import './accountSearch.css';
import { useAnswer } from './answers.ts';
import { counted, Name } from './text.tsx';

/** So long a person rests before what was typed is looked for. */
const REST_MILLISECONDS = 120;

/**
 * A box that an account is typed into, with names that contain the text: a combobox after the ARIA Authoring Practices Guide.
 * @param onChoose is given a name that was chosen, or what was typed
 */
export function AccountSearch({ entity, onChoose }: { entity: string; onChoose: (entity: string) => void }) {
  const [text, setText] = useState(entity);
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const id = useId();
  const rested = useRested(text);
  const isAsked = isOpen && rested.trim() !== '' && rested !== entity;
  const found = useAnswer<AccountsFound>(isAsked ? 'v1/accounts/find' : undefined, { text: rested });
  const names = isAsked ? (found.answer?.entities ?? []) : [];
  const isShown = isOpen && names.length > 0;
  useEffect(() => setText(entity), [entity]);
  useEffect(() => setActive(-1), [found.answer]);
  useEffect(() => {
    document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: 'nearest' });
  }, [active, id]);

  const choose = (name: string) => {
    if (name === '') return;
    setOpen(false);
    setText(name);
    onChoose(name);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setOpen(true);
      // One place more than names: in it, none is chosen.
      const places = names.length + 1;
      setActive((before) => ((before + 1 + step + places) % places) - 1);
    } else if (event.key === 'Escape') {
      if (isShown) event.preventDefault();
      setOpen(false);
    }
  };
  const known = found.answer?.names;
  return (
    <search class="account-search">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          choose(isShown && active >= 0 ? names[active] : text);
        }}
      >
        <label>
          Account
          <input
            type="text"
            role="combobox"
            aria-expanded={isShown}
            aria-controls={`${id}-list`}
            aria-autocomplete="list"
            aria-activedescendant={isShown && active >= 0 ? `${id}-${active}` : undefined}
            autoComplete="off"
            spellcheck={false}
            placeholder="name, or part of it"
            value={text}
            onInput={(event) => {
              setText(event.currentTarget.value);
              setOpen(true);
            }}
            onKeyDown={onKeyDown}
            onBlur={() => setOpen(false)}
          />
        </label>
        <button class="main" type="submit" disabled={text === ''}>
          Show
        </button>
      </form>
      <div
        id={`${id}-list`}
        class="account-search-list"
        role="listbox"
        aria-label="Accounts"
        hidden={!isShown}
      >
        {names.map((name, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: keys are heard by the box, which keeps the focus
          <div
            key={name}
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === active}
            tabIndex={-1}
            // The box would lose the focus, and the list close before it is clicked.
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => choose(name)}
          >
            <Name text={name} />
          </div>
        ))}
      </div>
      <p class="soft account-search-hint" role="status">
        {isAsked && found.answer && names.length === 0 && noneFound(known ?? 0)}
      </p>
    </search>
  );
}

const noneFound = (known: number) =>
  known === 0
    ? 'No events are loaded, so no names are known. Type the whole name.'
    : `None of ${counted(known, 'name')} of loaded events contains this. The whole name may still be in the model.`;

/** What a value was when it last did not change for a moment. */
function useRested(value: string): string {
  const [rested, setRested] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    timer.current = setTimeout(() => setRested(value), REST_MILLISECONDS);
    return () => clearTimeout(timer.current);
  }, [value]);
  return rested;
}
