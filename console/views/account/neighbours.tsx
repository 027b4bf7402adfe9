import type { AccountAnswer } from '../../../src/serve/console/contract.ts';
import { Empty } from '../../parts.tsx';
import { linkTo } from '../../route.ts';
import { counted, grouped, Name } from '../../text.tsx';

/** The accounts that share networks with this one. */
export function Neighbours({ account: { neighbours } }: { account: AccountAnswer }) {
  const isNamed = neighbours.some(({ entity }) => entity !== null);
  return (
    <section>
      <h2>Accounts that share its networks</h2>
      {neighbours.length === 0 && <Empty>No other account uses any of its networks.</Empty>}
      {neighbours.length > 0 && (
        <>
          <p class="soft">
            Those with a /24 (IPv6: /48) in common, the closest first: a network that <i>k</i> accounts use
            counts 1/<i>k</i>, so that a shared office says more than a shared mobile carrier.
            {!isNamed && ' Models keep no names: start the console with --events to see them.'}
          </p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
          <section class="wide" tabIndex={0} aria-label="Accounts that share its networks">
            <table>
              <thead>
                <tr>
                  <th scope="col">Account</th>
                  <th scope="col" class="number">
                    Shared networks
                  </th>
                  <th scope="col">Least crowded of them, and how many accounts use it</th>
                </tr>
              </thead>
              <tbody>
                {neighbours.map(({ entity, shared_networks, examples, example_accounts }, i) => (
                  <tr key={i}>
                    <td class="account-other">
                      {entity === null ? (
                        <span class="soft account-unnamed">name not known</span>
                      ) : (
                        <a href={linkTo('account', { entity })}>
                          <Name text={entity} />
                        </a>
                      )}
                    </td>
                    <td class="number">{grouped(shared_networks)}</td>
                    <td>
                      {examples.map((network, at) => (
                        <span
                          key={network}
                          class="account-example"
                          title={counted(example_accounts[at], 'account')}
                        >
                          {network} <span class="soft">×{grouped(example_accounts[at])}</span>
                        </span>
                      ))}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        </>
      )}
    </section>
  );
}
