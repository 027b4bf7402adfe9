import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ModelAnswer, SavedThreshold, ThresholdChange } from '../../../src/serve/console/contract.ts';
import { asRefused, faultText, useBack } from '../../answers.ts';
import { askJson, type Refused } from '../../api.ts';
import { nats } from '../../text.tsx';
import { fprAt, type HonestFigures } from './rates.ts';
import type { Chosen } from './threshold.tsx';
import { alertsText, rateText, thresholdName } from './words.ts';

interface Props {
  model: ModelAnswer;
  honest: HonestFigures | undefined;
  chosen: Chosen;
  onSaved: () => void;
  /** another file was loaded; what was chosen stays chosen */
  onReloaded: () => void;
}

interface Saved {
  kind: 'saved';
  before: SavedThreshold | null;
  after: SavedThreshold | null;
  isUndo: boolean;
}

type Stage =
  | { kind: 'idle' }
  | { kind: 'asking' }
  | { kind: 'saving' }
  | Saved
  /** `saved`: what an undo that failed would have taken back */
  | { kind: 'refused'; fault: Refused; saved?: Saved };

/** Saves the threshold in the model's file: what changes is said before, and can be undone after. */
export function SaveThreshold({ model, honest, chosen, onSaved, onReloaded }: Props) {
  const [stage, setStage] = useState<Stage>({ kind: 'idle' });
  const confirm = useRef<HTMLButtonElement>(null);
  // Before the browser draws, as in main.tsx.
  useLayoutEffect(() => {
    if (stage.kind === 'asking') confirm.current?.focus();
  }, [stage.kind]);
  useBack(() =>
    setStage((stage) =>
      stage.kind === 'refused' && stage.fault.status === 0 ? (stage.saved ?? { kind: 'idle' }) : stage,
    ),
  );
  const saved = model.threshold;
  const done = stage.kind === 'saved' ? stage : stage.kind === 'refused' ? stage.saved : undefined;
  const isSame = saved !== null && saved.anomaly === chosen.anomaly;
  /** @param undone what this takes back; undefined: it is no undo */
  const save = async (change: ThresholdChange, undone?: Saved) => {
    setStage({ kind: 'saving' });
    try {
      const answer = await askJson<ModelAnswer>('PUT', 'v1/model/threshold', change);
      setStage({ kind: 'saved', before: saved, after: answer.threshold, isUndo: undone !== undefined });
      onSaved();
    } catch (error) {
      setStage({ kind: 'refused', fault: asRefused(error), ...(undone && { saved: undone }) });
    }
  };
  const reload = async () => {
    try {
      await askJson('POST', 'v1/model/reload', {});
      setStage({ kind: 'idle' });
      onReloaded();
    } catch (error) {
      setStage({ kind: 'refused', fault: asRefused(error) });
    }
  };
  return (
    <div class="ov-save">
      {(stage.kind === 'asking' || stage.kind === 'saving') && (
        <div class="ov-confirm">
          <Change model={model} honest={honest} anomaly={chosen.anomaly} />
          <p>
            <button
              ref={confirm}
              class="main"
              type="button"
              disabled={stage.kind === 'saving'}
              onClick={() => save(chosen.change)}
            >
              {stage.kind === 'saving' ? 'Saving …' : 'Save it'}
            </button>{' '}
            <button
              type="button"
              disabled={stage.kind === 'saving'}
              onClick={() => setStage({ kind: 'idle' })}
            >
              Cancel
            </button>
          </p>
        </div>
      )}
      {stage.kind !== 'asking' && stage.kind !== 'saving' && (
        <p>
          <button
            class="main"
            type="button"
            disabled={isSame || model.file === null}
            onClick={() => setStage({ kind: 'asking' })}
          >
            Save as the model’s threshold …
          </button>{' '}
          {isSame && <span class="soft">This is the saved one.</span>}
        </p>
      )}
      <div role="status">
        {done && (
          <p class="ov-done">
            {done.isUndo ? 'Undone' : 'Saved'}: the threshold is {thresholdName(done.after)}, it was{' '}
            {thresholdName(done.before)}.{' '}
            {!done.isUndo && (
              <button type="button" onClick={() => save(changeTo(done.before), done)}>
                Undo
              </button>
            )}
          </p>
        )}
      </div>
      {stage.kind === 'refused' && (
        <p class="fault" role="alert">
          {faultText(stage.fault, 'Nothing was saved.')}{' '}
          {stage.fault.status === 409 && (
            <button type="button" onClick={reload}>
              Reload the model
            </button>
          )}
        </p>
      )}
      {model.server_threshold !== null && (
        <p class="note">
          This server was started with <code>--threshold {model.server_threshold}</code>, which goes before
          the model’s own: what you save holds for other servers and commands, and here once it is started
          without.
        </p>
      )}
    </div>
  );
}

/** What leads back to a threshold: its rule gives the same anomaly again. */
function changeTo(threshold: SavedThreshold | null): ThresholdChange {
  if (threshold === null) return { anomaly: null };
  const { rule, limit, anomaly } = threshold;
  if (rule === 'max_fpr' && limit !== null) return { max_fpr: limit };
  if (rule === 'max_alerts_per_day' && limit !== null) return { max_alerts_per_day: limit };
  return { anomaly };
}

function Change({
  model,
  honest,
  anomaly,
}: {
  model: ModelAnswer;
  honest: HonestFigures | undefined;
  anomaly: number;
}) {
  const before = model.threshold?.anomaly ?? null;
  const rate = (value: number | null) =>
    value === null || !honest ? '–' : rateText(fprAt(honest.points, value), honest.events);
  const alerts = (value: number | null) =>
    value === null || !honest || honest.perDay === null
      ? '–'
      : alertsText(fprAt(honest.points, value), honest.events, honest.perDay);
  return (
    <>
      <table>
        <caption>What changes in {model.file}</caption>
        <thead>
          <tr>
            <td />
            <th scope="col" class="number">
              saved now
            </th>
            <th scope="col" class="number">
              then
            </th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">suspicious from an anomaly of</th>
            <td class="number">{before === null ? 'none' : nats(before)}</td>
            <td class="number">{nats(anomaly)}</td>
          </tr>
          <tr>
            <th scope="row">honest events flagged</th>
            <td class="number">{rate(before)}</td>
            <td class="number">{rate(anomaly)}</td>
          </tr>
          {honest?.perDay != null && (
            <tr>
              <th scope="row">false alarms a day</th>
              <td class="number">{alerts(before)}</td>
              <td class="number">{alerts(anomaly)}</td>
            </tr>
          )}
        </tbody>
      </table>
      <p class="soft">
        It holds for this server at once, and for every server and command that reads the file from now on.
      </p>
    </>
  );
}
