import type { EvaluationAnswer, ModelAnswer } from '../../../src/serve/console/contract.ts';
import { Tile } from '../../parts.tsx';
import { counted, grouped, nats, percent } from '../../text.tsx';
import { ruleText } from './words.ts';

/** Who this model is: what it was trained with and when, and its threshold now. */
export function Headline({
  model,
  evaluation,
}: {
  model: ModelAnswer;
  evaluation: EvaluationAnswer | undefined;
}) {
  const { data, threshold, tables, half_life_days: halfLife, threshold_of_new_accounts: newcomers } = model;
  const metrics = evaluation?.matches ? evaluation.metrics : undefined;
  const main = metrics?.attackers[0].detectors.find(({ detector }) => detector === 'mixture');
  const oracle = metrics?.attackers[0].detectors.find(({ detector }) => detector === 'oracle');
  return (
    <>
      <p class="soft ov-lead">
        Learned from {counted(data.events, 'event')} of {counted(data.entities, 'account')}
        {data.first_time !== null && data.last_time !== null && (
          <>
            , {data.first_time.slice(0, 10)} to {data.last_time.slice(0, 10)}
          </>
        )}
        . {tables.length > 0 && `It knows ${tables.map(({ kind }) => TABLES[kind]).join(' and ')}. `}
        {halfLife !== null && `What an account did fades by half in ${halfLife} days. `}
        {data.events_added > 0 &&
          `${counted(data.events_added, 'event')} (${percent(data.events_added / data.events)}) came after its vectors were trained.`}
      </p>
      <div class="tiles">
        <Tile value={threshold ? nats(threshold.anomaly) : 'none'}>
          {threshold
            ? `saved threshold: ${ruleText(threshold)}${newcomers === null ? '' : `; accounts without a history: from ${nats(newcomers)}`}`
            : 'saved threshold: no event is called suspicious'}
        </Tile>
        <Tile value={grouped(data.entities)}>accounts with a history</Tile>
        <Tile value={grouped(data.events)}>
          events{data.ipv6_events > 0 && `, ${percent(data.ipv6_events / data.events)} of them IPv6`}
        </Tile>
        <Tile value={grouped(data.networks)}>networks with a vector</Tile>
        {main && (
          <Tile value={main.auc === 1 ? '1' : main.auc.toFixed(4)}>
            AUC: how often an attack is stranger than an honest event
            {oracle && ` (best possible: ${oracle.auc.toFixed(4)})`}
          </Tile>
        )}
      </div>
    </>
  );
}

const TABLES = { asn: 'providers', country: 'countries' } as const;
