import type { ExplainAnswer } from '../../../src/serve/console/contract.ts';
import { Name, nats, percent } from '../../text.tsx';

const signed = (value: number) => (value < 0 ? nats(value) : `+ ${nats(value)}`);

/** The numbers behind the picture, for those who check them or cannot see it. */
export function Figures({ answer }: { answer: ExplainAnswer }) {
  const { ladder, terms, anomaly, log_ratio: logRatio, dot_product: dotProduct } = answer;
  return (
    <details class="score-figures">
      <summary>The figures</summary>
      <p>
        anomaly = −({nats(terms.intercept)} constant {signed(terms.history)} history {signed(terms.vectors)}{' '}
        vectors) = <b>{nats(anomaly)}</b>
      </p>
      <p class="soft">
        History: the ln of the likelihood ratio, {nats(logRatio)}, times its trust. Vectors: the dot product,{' '}
        {nats(dotProduct)}, times theirs.
      </p>
      <div class="wide">
        <table>
          <thead>
            <tr>
              <th scope="col">Network</th>
              <th scope="col" class="number">
                Places of the account
              </th>
              <th scope="col" class="number">
                Its share
              </th>
              <th scope="col" class="number">
                Everybody’s share
              </th>
              <th scope="col" class="number">
                Ratio
              </th>
              <th scope="col" class="number">
                Weight
              </th>
              <th scope="col" class="number">
                Part of the likelihood
              </th>
            </tr>
          </thead>
          <tbody>
            {ladder.map((rung) => (
              <tr key={rung.network}>
                <th scope="row">
                  <Name text={rung.network} />
                </th>
                <td class="number">
                  {rung.own_places === null ? '–' : Number(rung.own_places.toFixed(2)).toLocaleString('en')}
                </td>
                <td class="number">{rung.own_share === null ? '–' : percent(rung.own_share)}</td>
                <td class="number">{rung.background === null ? '–' : percent(rung.background)}</td>
                <td class="number">{Number(rung.ratio.toPrecision(3)).toLocaleString('en', DIGITS)}</td>
                <td class="number">{percent(rung.weight)}</td>
                <td class="number">{percent(rung.share)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

const DIGITS = { maximumSignificantDigits: 3 };
