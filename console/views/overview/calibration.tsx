import type { EvaluationAnswer } from '../../../src/serve/console/contract.ts';
import { grouped, percent } from '../../text.tsx';

/** How often honest events pass a p-value, against how often they should. */
export function CalibrationTable({ evaluation }: { evaluation: EvaluationAnswer }) {
  const rows = (evaluation.metrics.calibration ?? []).filter(({ honest_events: events }) => events > 0);
  if (rows.length === 0) return null;
  const rates = rows[0].nominal_fpr;
  return (
    <section>
      <h2>Do p-values keep their word?</h2>
      <p class="soft">
        A p-value of 1 % or less should come up for 1 % of honest events, however much is known of the
        account. Shares of few events move by chance.
      </p>
      <div class="wide">
        <table class="ov-calibration">
          <thead>
            <tr>
              <th scope="col">Earlier events of the account</th>
              <th scope="col" class="number">
                Honest events
              </th>
              {rates.map((rate) => (
                <th scope="col" class="number" key={rate}>
                  p ≤ {percent(rate)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ training_events: title, honest_events: events, actual_fpr: actual }) => (
              <tr key={title}>
                <th scope="row">{TITLES[title] ?? title.replace('-', '–')}</th>
                <td class="number">{grouped(events)}</td>
                {rates.map((rate, r) => (
                  <td class="number" key={rate}>
                    {actual === null ? '–' : percent(actual[r])}
                    {actual !== null && actual[r] > 2 * rate && events * rate >= 5 && (
                      <span class="ov-off" title="more than twice as often as promised">
                        {' '}
                        ▲
                      </span>
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

const TITLES: Record<string, string> = {
  all: 'all accounts seen in training',
  none: 'none: new accounts',
  more: 'more than 30',
};
