import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ExplainAnswer } from '../../src/serve/console/contract.ts';
import { useAnswer } from '../answers.ts';
import { Waiting } from '../parts.tsx';
import { goTo, type Route } from '../route.ts';
import { Verdict } from './score/verdict.tsx';
import './score.css';

/** One event, scored and taken apart. */
export function ScoreView({ route }: { route: Route }) {
  const entity = route.parameters.get('entity') ?? '';
  const address = route.parameters.get('address') ?? '';
  const isAsked = entity !== '' && address !== '';
  const asked = useAnswer<ExplainAnswer>(
    isAsked ? 'v1/explain' : undefined,
    isAsked ? { entity, address } : undefined,
  );
  const { error, answer } = asked;
  // What an earlier event was told must not stand below the fields of this one.
  const isOfThis = answer !== undefined && answer.entity === entity && !error && isAsked;
  return (
    <div class="score">
      <h1>Score one</h1>
      <p class="soft">
        How strange is this address for this account, and why? Scoring here teaches the model nothing: ask as
        often as you like.
      </p>
      <Form entity={entity} address={address} error={error?.status === 400 ? error.message : undefined} />
      {isOfThis && <Verdict answer={answer} />}
      {error?.status !== 400 && isAsked && <Waiting of={asked} what="the score" />}
    </div>
  );
}

/** @param error the server's, which begins with the name of the field */
function Form({ entity, address, error }: { entity: string; address: string; error: string | undefined }) {
  const [typedEntity, setEntity] = useState(entity);
  const [typedAddress, setAddress] = useState(address);
  const [missing, setMissing] = useState<string>();
  const addressField = useRef<HTMLInputElement>(null);
  const entityField = useRef<HTMLInputElement>(null);
  // Somebody went back, or followed a link to another event.
  useEffect(() => {
    setEntity(entity);
    setAddress(address);
    setMissing(undefined);
  }, [entity, address]);
  const said = missing ?? error;
  const field = said === undefined ? undefined : said.startsWith('entity:') ? 'entity' : 'address';
  const words = said === undefined ? '' : upperFirst(said.replace(/^(entity|address): /, ''));
  // Before the browser draws, as in main.tsx.
  useLayoutEffect(() => {
    if (field === 'address') addressField.current?.focus();
    if (field === 'entity') entityField.current?.focus();
  }, [field, said]);
  return (
    <form
      class="score-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const wanted = { entity: typedEntity, address: typedAddress.trim() };
        if (wanted.entity === '') return setMissing('entity: expected an account, got none.');
        if (wanted.address === '') return setMissing('address: expected an IP address, got none.');
        setMissing(undefined);
        goTo('score', wanted);
      }}
    >
      <div class="score-field">
        <label for="score-entity">Account</label>
        <input
          id="score-entity"
          ref={entityField}
          dir="auto"
          value={typedEntity}
          placeholder="user_1"
          autoComplete="off"
          autocapitalize="off"
          spellcheck={false}
          aria-invalid={field === 'entity'}
          aria-describedby={field === 'entity' ? 'score-fault' : undefined}
          onInput={(event) => setEntity(event.currentTarget.value)}
        />
      </div>
      <div class="score-field">
        <label for="score-address">Address</label>
        <input
          id="score-address"
          ref={addressField}
          value={typedAddress}
          placeholder="198.51.100.7 or 2001:db8::1"
          autoComplete="off"
          autocapitalize="off"
          spellcheck={false}
          aria-invalid={field === 'address'}
          aria-describedby={field === 'address' ? 'score-fault' : undefined}
          onInput={(event) => setAddress(event.currentTarget.value)}
        />
      </div>
      <button class="main" type="submit">
        Score
      </button>
      {said !== undefined && (
        <p class="score-fault" id="score-fault" role="alert">
          {words}
        </p>
      )}
    </form>
  );
}

const upperFirst = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
