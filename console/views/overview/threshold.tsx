import { useCallback, useState } from 'preact/hooks';
import type { EvaluationAnswer, ModelAnswer, ThresholdChange } from '../../../src/serve/console/contract.ts';
import type { Refused } from '../../api.ts';
import { grouped, nats } from '../../text.tsx';
import { Attackers } from './attackers.tsx';
import { AttackerCharts, HonestChart } from './charts.tsx';
import { Goals } from './goals.tsx';
import { fprAt, type HonestFigures, sliderSpan, thresholdForFpr } from './rates.ts';
import { SaveThreshold } from './save.tsx';
import { alertsText, oneIn, rateText } from './words.ts';

export interface Chosen {
  anomaly: number;
  /** how it is saved: by the rule that a person gave, where the server knows the same events; else by hand */
  change: ThresholdChange;
}

interface Props {
  model: ModelAnswer;
  evaluation: EvaluationAnswer | undefined;
  evaluationError: Refused | undefined;
  honest: HonestFigures | undefined;
  onSaved: () => void;
}

/** The centre of the page: move a threshold, and see at once what it does. */
export function ThresholdSection({ model, evaluation, evaluationError, honest, onSaved }: Props) {
  const inUse = model.server_threshold ?? model.threshold?.anomaly ?? null;
  const start = inUse ?? (honest && startOf(honest)) ?? 0;
  const [chosen, setChosen] = useState<Chosen>();
  const anomaly = chosen?.anomaly ?? start;
  const choose = useCallback(
    (anomaly: number, change?: ThresholdChange) => setChosen({ anomaly, change: change ?? { anomaly } }),
    [],
  );
  const measured = evaluation?.matches ? evaluation : undefined;
  return (
    <section class="ov-threshold" aria-labelledby="threshold-title">
      <h2 id="threshold-title">What a threshold does</h2>
      <p class="soft">
        An event is called suspicious where its anomaly reaches the threshold. Move it to the left to catch
        more, to the right for fewer false alarms; nothing changes until you save.
      </p>
      {inUse === null && (
        <p class="note">
          The model has no threshold yet: no event is called suspicious. The slider begins{' '}
          {honest && startOf(honest) !== undefined
            ? 'where about 1 % of honest events are flagged'
            : 'at 0 nats, where an attacker is as likely as the account'}
          ; save one to have verdicts.
        </p>
      )}
      <div class="ov-board">
        <Slider
          anomaly={anomaly}
          honest={honest}
          saved={inUse}
          start={start}
          onChange={choose}
          onReset={() => setChosen(undefined)}
          isMoved={anomaly !== start}
        />
        <div class="ov-effects">
          <HonestEffect anomaly={anomaly} honest={honest} />
          {honest && <Goals honest={honest} onChange={choose} />}
          <Attackers anomaly={anomaly} evaluation={measured} honest={honest} />
        </div>
        <SaveThreshold
          model={model}
          honest={honest}
          chosen={chosen ?? { anomaly, change: { anomaly } }}
          onSaved={() => {
            setChosen(undefined);
            onSaved();
          }}
          onReloaded={onSaved}
        />
      </div>
      {!measured && <WithoutEvaluation evaluation={evaluation} error={evaluationError} honest={honest} />}
      {measured && <AttackerCharts anomaly={anomaly} evaluation={measured} />}
      {!measured && honest && <HonestChart anomaly={anomaly} honest={honest} />}
    </section>
  );
}

/** Where nothing is set, one honest event in a hundred is a place to begin; undefined: of too few events nobody can tell where it is. */
function startOf({ points, events }: HonestFigures): number | undefined {
  const flags = points.fpr.some((rate) => rate > 0 && rate <= START_RATE);
  return events * START_RATE >= 1 && flags ? thresholdForFpr(points, START_RATE) : undefined;
}

const START_RATE = 0.01;
/** Nats that the slider goes beyond a place to begin. */
const START_ROOM = 5;

interface SliderProps {
  anomaly: number;
  honest: HonestFigures | undefined;
  saved: number | null;
  /** where it stands before anybody moves it */
  start: number;
  onChange: (anomaly: number) => void;
  onReset: () => void;
  isMoved: boolean;
}

function Slider({ anomaly, honest, saved, start, onChange, onReset, isMoved }: SliderProps) {
  const span = honest
    ? sliderSpan(honest.points, saved === null ? [start - START_ROOM, start + START_ROOM] : [saved])
    : { from: Math.min(-20, saved ?? 0), to: Math.max(20, saved ?? 0), step: 0.05 };
  const place = (value: number) =>
    `${Math.max(0, Math.min(100, (100 * (value - span.from)) / (span.to - span.from)))}%`;
  return (
    <div class="ov-slider">
      <div class="ov-slider-head">
        <label for="threshold-slider">Threshold</label>
        <output class="ov-anomaly" for="threshold-slider">
          {nats(anomaly)} <span class="soft">nats</span>
        </output>
        <button type="button" onClick={onReset} disabled={!isMoved}>
          Reset
        </button>
      </div>
      <input
        id="threshold-slider"
        type="range"
        min={span.from}
        max={span.to}
        step={span.step}
        value={anomaly}
        aria-valuetext={spoken(anomaly, honest)}
        onInput={(event) => onChange(event.currentTarget.valueAsNumber)}
      />
      <div class="ov-slider-ends" aria-hidden="true">
        <span>← flags more</span>
        {saved !== null && (
          <span class="ov-saved" style={{ left: place(saved) }}>
            <i />
            saved
          </span>
        )}
        <span>flags less →</span>
      </div>
    </div>
  );
}

function spoken(anomaly: number, honest: HonestFigures | undefined): string {
  const value = `anomaly ${nats(anomaly)}`;
  if (!honest) return value;
  const rate = fprAt(honest.points, anomaly);
  const alerts =
    honest.perDay === null ? '' : `, ${alertsText(rate, honest.events, honest.perDay)} false alarms a day`;
  return `${value}: ${rateText(rate, honest.events)} of honest events flagged${alerts}`;
}

function HonestEffect({ anomaly, honest }: { anomaly: number; honest: HonestFigures | undefined }) {
  if (!honest) {
    return (
      <p class="note ov-figures">
        The model has seen no later honest events, so nobody can tell how many a threshold flags. Train it
        with more events, or with times.
      </p>
    );
  }
  const { points, events, perDay } = honest;
  const rate = fprAt(points, anomaly);
  const flagged = Math.round(rate * events);
  return (
    <div class="ov-figures">
      <div>
        <b class="ov-big">{rateText(rate, events)}</b>
        <span>false-positive rate: {oneIn(rate, events)} honest events</span>
      </div>
      {perDay !== null && (
        <div>
          <b class="ov-big">{alertsText(rate, events, perDay)}</b>
          <span>false alarms a day, of {grouped(perDay)} honest events a day</span>
        </div>
      )}
      <p class="soft ov-basis">
        Measured on {grouped(events)} honest events of accounts with a history
        {honest.source === 'evaluation'
          ? ', in the evaluation'
          : ', later than those that the model was fitted on'}
        {flagged < FEW && rate > 0 && `; only ${grouped(flagged)} of them flagged here, so the rate is rough`}
        .
      </p>
    </div>
  );
}

/** Of so few events a share has a standard error of a third of itself. */
const FEW = 10;

function WithoutEvaluation({
  evaluation,
  error,
  honest,
}: {
  evaluation: EvaluationAnswer | undefined;
  error: Refused | undefined;
  honest: HonestFigures | undefined;
}) {
  const why =
    evaluation === undefined
      ? error === undefined
        ? 'To see which share of attacks each threshold catches, evaluate the model:'
        : `The evaluation cannot be shown: ${error.message} Evaluate the model again:`
      : evaluation.matches === null
        ? 'The evaluation does not say which model it is of, so its figures are not shown. Evaluate this one:'
        : 'The evaluation is of another model than the one in use, so its figures are not shown. Evaluate this one:';
  return (
    <div class={evaluation === undefined ? 'ov-hint' : 'note ov-hint'}>
      <p>{why}</p>
      <p>
        <code>ip-insights evaluate MODEL --train train.csv --test later.csv --json metrics.json</code>
      </p>
      <p>
        then start the console with <code>--evaluation metrics.json</code>.
        {honest && ' Until then rates of honest events come from the model itself.'}
      </p>
    </div>
  );
}
