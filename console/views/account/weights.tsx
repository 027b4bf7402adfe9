import type { AccountAnswer } from '../../../src/serve/console/contract.ts';
import { percent } from '../../text.tsx';

/** What the model expects of the account when it comes from a new place. */
export function Weights({ account: { weights, has_own_weights: isOwn } }: { account: AccountAnswer }) {
  const width = Math.max(...weights.flatMap(({ parts }) => parts.map(({ weight }) => weight)));
  return (
    <section>
      <h2>Where it is expected when the place is new</h2>
      <p class="soft">
        {isOwn
          ? 'Fitted to the later events of this account.'
          : 'Its own later events are too few: these are the weights of accounts with as many places.'}{' '}
        A weight on narrow networks means that it comes back to them, one on wide networks that it moves
        within them; <i>anywhere</i> is how often it could be anywhere at all.
      </p>
      <div class="account-weights">
        {weights.map(({ family, parts }) => (
          <table key={family}>
            <caption class={weights.length === 1 ? 'account-hidden' : ''}>{family}</caption>
            <tbody>
              {parts.map(({ name, weight }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td class="number">{percent(Number(weight.toFixed(3)))}</td>
                  <td class="account-bar">
                    <span style={{ width: `${(100 * weight) / width}%` }} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ))}
      </div>
    </section>
  );
}
