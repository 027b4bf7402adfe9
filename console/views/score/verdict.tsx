import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ladderChart } from '../../../src/drawing/ladderChart.ts';
import type { ExplainAnswer } from '../../../src/serve/console/contract.ts';
import { Drawing } from '../../drawing.tsx';
import { linkTo } from '../../route.ts';
import { grouped, Name, nats, percent } from '../../text.tsx';
import { AnomalyScale } from './anomalyScale.tsx';
import { Figures } from './figures.tsx';

const HEADS = {
  ok: ['✓', 'OK'],
  suspicious: ['!', 'Suspicious'],
  unknown: ['?', 'Unknown'],
} as const;

/** What the model thinks of an event, from the verdict down to the ladder of networks. */
export function Verdict({ answer }: { answer: ExplainAnswer }) {
  const { entity, address, verdict, anomaly, threshold, p_value: pValue, reasons, ladder } = answer;
  const [sign, head] = HEADS[verdict];
  const isNew = reasons.some(({ code }) => code === 'entity_not_seen');
  return (
    <>
      <section class={`score-verdict ${verdict}`} role="status">
        <p class="score-head">
          <span class="score-sign" aria-hidden="true">
            {sign}
          </span>
          <b>{head}</b>
        </p>
        <p>
          <a href={linkTo('account', { entity })}>
            <Name text={entity} />
          </a>{' '}
          from <code>{address}</code>: {verdictText(answer)}
        </p>
      </section>
      {isNew && (
        <p class="note">
          The model has never seen this account. Names are compared letter by letter: look for a typing error
          first. A new account is judged by where all accounts sign in from, and has a threshold of its own.
        </p>
      )}
      <section class="score-pair">
        <div>
          <h2>How strange</h2>
          <AnomalyScale anomaly={anomaly} threshold={threshold} verdict={verdict} />
          <p>{pValueText(pValue)}</p>
        </div>
        <div>
          <h2>Why</h2>
          {reasons.length === 0 && <p class="soft">The model gives no reasons.</p>}
          <ul class="score-reasons">
            {reasons.map(({ code, sentence }) => (
              <li key={code}>
                <Name text={sentence} most={400} />
              </li>
            ))}
          </ul>
        </div>
      </section>
      <section>
        <h2>The ladder of networks</h2>
        <p class="soft">
          Each network around the address, from wide to narrow: how much of its own this account has there,
          against how much everybody has. Where it has more, it is more likely there than an attacker (ratio
          above 1); the bars say which network the score stands on.
        </p>
        <Ladder ladder={ladder} />
        <Figures answer={answer} />
      </section>
    </>
  );
}

function verdictText({ verdict, anomaly, threshold }: ExplainAnswer): string {
  const value = `anomaly ${nats(anomaly)}`;
  if (threshold === null) {
    return `${value}; the model has no threshold, so it gives no verdict. Save one in the overview.`;
  }
  if (verdict === 'unknown') return `${value}, but there is no basis for a verdict; the reasons say why.`;
  return verdict === 'suspicious'
    ? `${value}, at or above the threshold of ${nats(threshold)}.`
    : `${value}, below the threshold of ${nats(threshold)}.`;
}

function pValueText(pValue: number | null): string {
  if (pValue === null) return 'No p-value: too few honest events of accounts like this one are known.';
  const often =
    pValue >= 0.1
      ? `${Math.round(100 * pValue)} of 100 honest events of accounts like this one are at least as strange`
      : `about 1 in ${grouped(1 / pValue)} honest events of accounts like this one is at least as strange`;
  return `p-value ${percent(pValue)}: ${often}.`;
}

/** Drawn for the room there is, so that its letters keep their size. */
function Ladder({ ladder }: { ladder: ExplainAnswer['ladder'] }) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(700);
  useLayoutEffect(() => {
    const measure = () => {
      const room = frame.current?.clientWidth ?? 0;
      if (room > 0) setWidth(Math.max(300, Math.min(900, room)));
    };
    measure();
    const observer = new ResizeObserver(measure);
    if (frame.current) observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const picture = useMemo(() => ladderChart(ladder, { width }), [ladder, width]);
  return (
    <div ref={frame} class="score-ladder">
      <Drawing picture={picture} />
    </div>
  );
}
