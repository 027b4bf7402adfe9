import { useMemo, useRef, useState } from 'preact/hooks';
import { MARGIN } from '../../../src/drawing/chart.ts';
import { anomalyScale, distributionChart } from '../../../src/drawing/distributionChart.ts';
import { lineSample, rocChart, rocPlace } from '../../../src/drawing/rocChart.ts';
import { type TailPoint, tailChart, tailScale } from '../../../src/drawing/tailChart.ts';
import type { EvaluationAnswer, EvaluationAttacker } from '../../../src/serve/console/contract.ts';
import { Drawing } from '../../drawing.tsx';
import { grouped, Name } from '../../text.tsx';
import { fprAt, type HonestFigures, pointsOf, tprAt } from './rates.ts';
import { attackerWords } from './words.ts';

const SIZE = { width: 600, height: 380 };
const BOTTOM = SIZE.height - MARGIN.bottom;
const RIGHT = SIZE.width - MARGIN.right;

/** Curves and distributions of one attacker at a time, with marks that move with the threshold. */
export function AttackerCharts({ anomaly, evaluation }: { anomaly: number; evaluation: EvaluationAnswer }) {
  const { attackers, detectors = [] } = evaluation.metrics;
  const [chosen, setChosen] = useState(0);
  const tabs = useRef<HTMLDivElement>(null);
  const at = Math.min(chosen, attackers.length - 1);
  const attacker = attackers[at];
  const choose = (next: number) => {
    const to = (next + attackers.length) % attackers.length;
    setChosen(to);
    tabs.current?.querySelectorAll('button')[to]?.focus();
  };
  return (
    <section aria-labelledby="curves-title">
      <h2 id="curves-title">Attacks caught against honest events flagged</h2>
      <div class="ov-tabs" role="tablist" aria-label="Attacker" ref={tabs}>
        {attackers.map((one, i) => (
          <button
            key={one.attacker}
            id={`attacker-${i}`}
            type="button"
            role="tab"
            aria-selected={i === at}
            aria-controls="attacker-panel"
            tabIndex={i === at ? 0 : -1}
            onClick={() => setChosen(i)}
            onKeyDown={({ key }) => {
              if (key === 'ArrowRight') choose(i + 1);
              if (key === 'ArrowLeft') choose(i - 1);
            }}
          >
            <Name text={attackerWords(one)[0]} most={30} />
          </button>
        ))}
      </div>
      <div id="attacker-panel" role="tabpanel" aria-labelledby={`attacker-${at}`}>
        <p class="soft">
          {attackerWords(attacker)[1] !== '' && `Attacks: ${attackerWords(attacker)[1]}. `}
          {grouped(attacker.attack_events)} attacks against {grouped(attacker.honest_events)} honest events.
        </p>
        <div class="ov-pair">
          <Roc attacker={attacker} anomaly={anomaly} titles={detectors} />
          {attacker.distribution && <Distribution bins={attacker.distribution} anomaly={anomaly} />}
        </div>
      </div>
    </section>
  );
}

function Roc({
  attacker,
  anomaly,
  titles,
}: {
  attacker: EvaluationAttacker;
  anomaly: number;
  titles: { detector: string; title: string }[];
}) {
  const { honest_events: honestEvents } = attacker;
  const drawn = useMemo(() => {
    const detectors = attacker.detectors.filter(({ detector }) => KNOWN.has(detector));
    const curves = detectors.map(({ detector, roc }) => ({
      detector,
      points: roc.map(({ threshold, fpr, tpr }) => ({
        threshold: threshold ?? Number.NaN,
        falsePositiveRate: fpr,
        truePositiveRate: tpr,
      })),
    }));
    return {
      picture: rocChart(curves, honestEvents, undefined, SIZE),
      ranked: detectors.toSorted((a, b) => b.auc - a.auc),
      place: rocPlace(honestEvents, SIZE),
      points: pointsOf(attacker),
    };
  }, [attacker, honestEvents]);
  const { points, place } = drawn;
  const mark = place(fprAt(points, anomaly), tprAt(points, anomaly));
  const isRight = mark.x > RIGHT - 90;
  const isHigh = mark.y < 60;
  const nameOf = (id: string) =>
    titles.find(({ detector }) => detector === id)?.title ?? id.replaceAll('_', ' ');
  return (
    <figure class="ov-figure">
      <h3>ROC curves</h3>
      <div class="ov-stack">
        <Drawing picture={drawn.picture} />
        <svg class="chart ov-over" viewBox={`0 0 ${SIZE.width} ${SIZE.height}`} aria-hidden="true">
          <path class="ov-guide" d={`M${mark.x},${BOTTOM}V${mark.y}H${MARGIN.left}`} />
          <circle class="mark ov-mark" cx={mark.x} cy={mark.y} r="6.5" />
          <text
            class="mark-label"
            x={mark.x + (isRight ? -11 : 11)}
            y={mark.y + (isHigh ? 20 : 17)}
            text-anchor={isRight ? 'end' : 'start'}
          >
            threshold
          </text>
        </svg>
      </div>
      <ul class="ov-curves">
        {drawn.ranked.map(({ detector, auc }) => (
          <li key={detector}>
            <Drawing picture={lineSample(detector)} className="ov-sample" /> <Name text={nameOf(detector)} />{' '}
            <b>{auc === 1 ? '1' : auc > 0.99995 ? '> 0.9999' : auc.toFixed(4)}</b>
          </li>
        ))}
      </ul>
      <figcaption>
        Up: attacks caught; right: honest events flagged. Nearer to the upper left is better; the number is
        the AUC.
      </figcaption>
    </figure>
  );
}

/** Detectors that `chartStyles` has lines for. */
const KNOWN = new Set([
  ...['mixture', 'history', 'neural', 'freeman', 'longest_shared_prefix', 'new_network', 'new_address'],
  ...['popularity', 'oracle'],
]);

function Distribution({
  bins,
  anomaly,
}: {
  bins: { from: number; to: number; honest: number[]; attacks: number[] };
  anomaly: number;
}) {
  const drawn = useMemo(
    () => ({ picture: distributionChart(bins, Number.NaN, SIZE), x: anomalyScale(bins, SIZE) }),
    [bins],
  );
  return (
    <figure class="ov-figure">
      <h3>What the threshold separates</h3>
      <Marked picture={drawn.picture} x={drawn.x} anomaly={anomaly} />
      <ul class="ov-curves">
        <li>
          <i class="ov-swatch honest" /> honest events
        </li>
        <li>
          <i class="ov-swatch attacks" /> attacks
        </li>
      </ul>
      <figcaption>
        What lies at or right of the threshold is flagged: honest events there are false alarms, attacks left
        of it are missed. The outermost 0.2 % at either end are not drawn.
      </figcaption>
    </figure>
  );
}

/** Without an evaluation: the honest events that each threshold flags. */
export function HonestChart({ anomaly, honest }: { anomaly: number; honest: HonestFigures }) {
  const drawn = useMemo(() => {
    const { threshold, fpr } = honest.points;
    const points = threshold
      .map((value, i): TailPoint => [value, fpr[i]])
      .filter(([, share]) => share > 0)
      .reverse();
    return points.length === 0 ? undefined : { picture: tailChart(points, WIDE), x: tailScale(points, WIDE) };
  }, [honest]);
  if (!drawn) return null;
  return (
    <figure class="ov-figure ov-wide">
      <h3>Honest events that each threshold flags</h3>
      <Marked picture={drawn.picture} x={drawn.x} anomaly={anomaly} size={WIDE} />
    </figure>
  );
}

const WIDE = { width: 900, height: 330 };

/** A picture over anomalies, with the threshold and all that it flags over it: only those move. */
function Marked({
  picture,
  x,
  anomaly,
  size = SIZE,
}: {
  picture: ReturnType<typeof distributionChart>;
  x: (anomaly: number) => number;
  anomaly: number;
  size?: { width: number; height: number };
}) {
  const right = size.width - MARGIN.right;
  const at = Math.max(MARGIN.left, Math.min(right, x(anomaly)));
  const isRight = at > right - 90;
  return (
    <div class="ov-stack">
      <Drawing picture={picture} />
      <svg class="chart ov-over" viewBox={`0 0 ${size.width} ${size.height}`} aria-hidden="true">
        <rect
          class="ov-flagged"
          x={at}
          y={MARGIN.top}
          width={right - at}
          height={size.height - MARGIN.bottom - MARGIN.top}
        />
        <path class="mark" d={`M${at},${size.height - MARGIN.bottom}V${MARGIN.top}`} />
        <text
          class="mark-label"
          x={at + (isRight ? -8 : 8)}
          y={MARGIN.top + 14}
          text-anchor={isRight ? 'end' : 'start'}
        >
          threshold
        </text>
      </svg>
    </div>
  );
}
