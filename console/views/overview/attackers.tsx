import { useMemo, useState } from 'preact/hooks';
import type { EvaluationAnswer, EvaluationAttacker } from '../../../src/serve/console/contract.ts';
import { grouped, Name, percent } from '../../text.tsx';
import { fprAt, type HonestFigures, pointsOf, tprAt, tprAtFpr } from './rates.ts';
import { attackerWords, rateText } from './words.ts';

/** Detectors that need no learning; the best of them is what the model is held against. */
const BASELINES = ['longest_shared_prefix', 'new_network', 'new_address', 'popularity', 'freeman'];

interface Props {
  anomaly: number;
  evaluation: EvaluationAnswer | undefined;
  honest: HonestFigures | undefined;
}

/** Which share of each kind of attack the threshold catches. */
export function Attackers({ anomaly, evaluation, honest }: Props) {
  const attackers = evaluation?.metrics.attackers;
  const rows = useMemo(
    () => attackers?.map((attacker) => ({ attacker, points: pointsOf(attacker) })),
    [attackers],
  );
  if (!rows) return null;
  const hasOracle = rows.some(({ attacker }) => rocOf(attacker, 'oracle'));
  return (
    <div class="ov-attackers">
      <h3>Attacks caught</h3>
      <ul>
        {rows.map(({ attacker, points }) => (
          <Row key={attacker.attacker} attacker={attacker} anomaly={anomaly} points={points} />
        ))}
      </ul>
      <p class="ov-legend soft">
        <span>
          <i class="ov-bar-sign" /> this model
        </span>
        <span>
          <i class="ov-baseline-sign" /> best rule without learning, at the same false-positive rate
        </span>
        {hasOracle && (
          <span>
            <i class="ov-oracle-sign" /> the limit: no detector can catch more
          </span>
        )}
      </p>
      <Precision rows={rows} anomaly={anomaly} honest={honest} />
    </div>
  );
}

const rocOf = ({ detectors }: EvaluationAttacker, id: string) =>
  detectors.find(({ detector }) => detector === id)?.roc;

function Row({
  attacker,
  points,
  anomaly,
}: {
  attacker: EvaluationAttacker;
  points: ReturnType<typeof pointsOf>;
  anomaly: number;
}) {
  const caught = tprAt(points, anomaly);
  const rate = fprAt(points, anomaly);
  const oracle = rocOf(attacker, 'oracle');
  const limit = oracle && tprAtFpr(oracle, rate);
  const baseline = Math.max(0, ...BASELINES.map((id) => tprAtFpr(rocOf(attacker, id) ?? [], rate)));
  const [title, meaning] = attackerWords(attacker);
  const width = (share: number) => `${100 * share}%`;
  return (
    <li
      title={meaning === '' ? undefined : `${meaning}; ${grouped(attacker.attack_events)} attacks measured`}
    >
      <span class="ov-attacker">
        <Name text={title} most={34} />
      </span>
      <span class="ov-track" aria-hidden="true">
        <i class="ov-caught" style={{ width: width(caught) }} />
        <i class="ov-baseline" style={{ left: width(baseline) }} />
        {limit !== undefined && <i class="ov-oracle" style={{ left: width(Math.max(limit, caught)) }} />}
      </span>
      <b>{caught === 0 ? rateText(0, attacker.attack_events) : percent(caught)}</b>
      <span class="soft ov-others">
        rule {percent(baseline)}
        {limit !== undefined && `, limit ${percent(Math.max(limit, caught))}`}
      </span>
    </li>
  );
}

/** How many alerts are attacks depends on how many attacks there are, which a person must say. */
function Precision({
  rows,
  anomaly,
  honest,
}: {
  rows: { attacker: EvaluationAttacker; points: ReturnType<typeof pointsOf> }[];
  anomaly: number;
  honest: HonestFigures | undefined;
}) {
  const [text, setText] = useState('10');
  if (!honest || honest.perDay === null) return null;
  const attacks = Number(text);
  const isGood = text.trim() !== '' && attacks > 0 && Number.isFinite(attacks);
  const alarms = fprAt(honest.points, anomaly) * honest.perDay;
  const precisions = rows.map(({ points }) => {
    const caught = tprAt(points, anomaly) * attacks;
    return caught / (caught + alarms);
  });
  const [low, high] = [Math.min(...precisions), Math.max(...precisions)];
  const range = percent(low) === percent(high) ? percent(low) : `${percent(low)} to ${percent(high)}`;
  return (
    <p class="ov-precision">
      <label for="attacks-a-day">With</label>{' '}
      <input
        id="attacks-a-day"
        type="number"
        min="0"
        step="any"
        value={text}
        aria-label="attacks a day"
        aria-invalid={!isGood}
        onInput={(event) => setText(event.currentTarget.value)}
      />{' '}
      attacks a day, <b>{isGood && Number.isFinite(high) ? range : '–'}</b> of the alerts would be attacks
      (precision).
    </p>
  );
}
