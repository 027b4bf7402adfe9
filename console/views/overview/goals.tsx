import { useState } from 'preact/hooks';
import type { ThresholdChange } from '../../../src/serve/console/contract.ts';
import { grouped, percent } from '../../text.tsx';
import { type HonestFigures, thresholdForFpr } from './rates.ts';
import { amount } from './words.ts';

interface Props {
  honest: HonestFigures;
  onChange: (anomaly: number, change?: ThresholdChange) => void;
}

/** A limit, and the threshold that keeps to it. */
export function Goals({ honest, onChange }: Props) {
  const { perDay } = honest;
  const isOurs = honest.source === 'calibration';
  return (
    <fieldset class="ov-goals">
      <legend>Or set a limit</legend>
      {perDay !== null && (
        <Goal
          label="alerts a day at most"
          honest={honest}
          share={(limit) => limit / perDay}
          least={`${amount(perDay / honest.events)} a day`}
          onChange={(anomaly, limit) =>
            onChange(anomaly, isOurs ? { max_alerts_per_day: limit } : { anomaly })
          }
        />
      )}
      <Goal
        label="% of honest events at most"
        honest={honest}
        share={(limit) => limit / 100}
        least={`${percent(1 / honest.events)} of ${grouped(honest.events)} events`}
        onChange={(anomaly, limit) => onChange(anomaly, isOurs ? { max_fpr: limit / 100 } : { anomaly })}
      />
    </fieldset>
  );
}

function Goal({
  label,
  honest,
  share,
  least,
  onChange,
}: {
  label: string;
  honest: HonestFigures;
  share: (limit: number) => number;
  /** the smallest limit that can be told from none */
  least: string;
  onChange: (anomaly: number, limit: number) => void;
}) {
  const [text, setText] = useState('');
  const limit = Number(text);
  const isNumber = text.trim() !== '' && Number.isFinite(limit);
  const wanted = share(limit);
  const fault = !isNumber
    ? undefined
    : limit <= 0 || wanted >= 1
      ? 'expected more than 0, and less than all'
      : wanted * honest.events < 1
        ? `too few events to tell: ${least} is the least`
        : thresholdForFpr(honest.points, wanted) === undefined
          ? 'no threshold flags so few: many are equally strange'
          : undefined;
  const id = `goal-${label.replaceAll(/[^a-z]/g, '')}`;
  return (
    <div class="ov-goal">
      <input
        id={id}
        type="number"
        min="0"
        step="any"
        inputMode="decimal"
        value={text}
        aria-invalid={fault !== undefined}
        aria-describedby={fault === undefined ? undefined : `${id}-fault`}
        onInput={(event) => {
          const { value } = event.currentTarget;
          setText(value);
          const limit = Number(value);
          const isGood =
            value.trim() !== '' && limit > 0 && share(limit) < 1 && share(limit) * honest.events >= 1;
          const anomaly = isGood ? thresholdForFpr(honest.points, share(limit)) : undefined;
          if (anomaly !== undefined) onChange(anomaly, limit);
        }}
      />
      <label for={id}>{label}</label>
      {fault !== undefined && (
        <span class="ov-fault" id={`${id}-fault`} role="alert">
          {fault}
        </span>
      )}
    </div>
  );
}
