import { scaleLinear } from 'd3-scale';
import type { Verdict } from '../../../src/serve/console/contract.ts';
import { nats } from '../../text.tsx';

const WIDTH = 520;
const HEIGHT = 104;
const LINE = 58;
const SIDE = 26;

/** Where an anomaly stands between expected and strange, and where suspicion begins. */
export function AnomalyScale({
  anomaly,
  threshold,
  verdict,
}: {
  anomaly: number;
  threshold: number | null;
  verdict: Verdict;
}) {
  const ends = threshold === null ? [anomaly] : [anomaly, threshold];
  const x = scaleLinear()
    .domain([Math.min(-12, ...ends), Math.max(8, ...ends)])
    .nice()
    .range([SIDE, WIDTH - SIDE]);
  const at = x(anomaly);
  const limit = threshold === null ? undefined : x(threshold);
  const anchor = (place: number) => (place > WIDTH - 110 ? 'end' : place < 110 ? 'start' : 'middle');
  const said = `Anomaly ${nats(anomaly)} nats${threshold === null ? '' : `; suspicious from ${nats(threshold)} on`}`;
  return (
    <svg class="chart score-scale" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={said}>
      <rect class="score-band" x={SIDE} y={LINE - 6} width={WIDTH - 2 * SIDE} height="12" rx="6" />
      {limit !== undefined && (
        <>
          <rect class="score-flagged" x={limit} y={LINE - 6} width={WIDTH - SIDE - limit} height="12" />
          <path class="mark" d={`M${limit},${LINE + 12}V${LINE - 12}`} />
          <text class="mark-label" x={limit} y={LINE + 26} text-anchor={anchor(limit)}>
            threshold {nats(threshold!)}
          </text>
        </>
      )}
      {x.ticks(5).map((value) => (
        <g key={value}>
          <path class="axis" d={`M${x(value)},${LINE - 3}v6`} />
          {(limit === undefined || Math.abs(x(value) - limit) > 78) && (
            <text x={x(value)} y={LINE + 26} text-anchor="middle">
              {String(value).replace('-', '−')}
            </text>
          )}
        </g>
      ))}
      <circle class={`score-dot ${verdict}`} cx={at} cy={LINE} r="9" />
      <text class="score-value" x={at} y={LINE - 20} text-anchor={anchor(at)}>
        {nats(anomaly)} nats
      </text>
      <text x={SIDE} y={HEIGHT - 4}>
        ← expected
      </text>
      <text x={WIDTH - SIDE} y={HEIGHT - 4} text-anchor="end">
        strange →
      </text>
    </svg>
  );
}
