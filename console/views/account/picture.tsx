import { GROUP_COLOURS } from '../../../src/drawing/chart.ts';
import { html } from '../../../src/drawing/html.ts';
import { eventMark, icicleChart } from '../../../src/drawing/icicleChart.ts';
import { endsOf, icicleGroups } from '../../../src/drawing/icicleLayout.ts';
import type {
  AccountAnswer,
  AccountNetworkNode,
  EventPage,
  Verdict,
} from '../../../src/serve/console/contract.ts';
import { Drawing } from '../../drawing.tsx';
import { Empty } from '../../parts.tsx';
import { counted, dayText, grouped, Name } from '../../text.tsx';
import { useWidth } from '../../width.ts';

/** Narrower, nothing can be read; the picture is then scrolled. */
const LEAST_WIDTH = 560;
const VERDICTS: Verdict[] = ['ok', 'suspicious', 'unknown'];

/** The account's networks and events as a picture, and as a table. */
export function Picture({ account, events }: { account: AccountAnswer; events: EventPage | undefined }) {
  const { ref, width } = useWidth<HTMLElement>();
  const { networks, left_out: leftOut } = account;
  const rows = events?.rows ?? [];
  const timed = rows.filter(({ time }) => time !== null);
  const isEmpty = networks.length === 0 && timed.length === 0;
  if (isEmpty && !account.is_known) return null;
  const groups = icicleGroups(networks, GROUP_COLOURS);
  return (
    <section>
      <h2>Its networks, and when it was there</h2>
      {isEmpty && <Empty>No network of this account is known, and no event of it is loaded.</Empty>}
      <section ref={ref} class="wide" tabIndex={isEmpty ? undefined : 0} aria-label="Picture of its networks">
        {width > 0 && !isEmpty && (
          <Drawing
            picture={icicleChart(networks, rows, Math.max(LEAST_WIDTH, width), leftOut.places === 0)}
            className="account-icicle"
          />
        )}
      </section>
      {!isEmpty && (
        <div class="account-legend">
          {timed.length > 0 &&
            VERDICTS.map((verdict) => (
              <span key={verdict}>
                <Mark verdict={verdict} isNew={false} /> {verdict}
              </span>
            ))}
          {timed.length > 0 && (
            <span>
              <Mark verdict="ok" isNew /> hollow: the place is new for certain
            </span>
          )}
          {networks.some(({ last_time }) => last_time !== null) && (
            <span>
              <i class="account-day" /> last day that the model saw it there
            </span>
          )}
        </div>
      )}
      {groups.by === 'provider' && (
        <div class="account-legend">
          {groups.names.map((name, i) => (
            <span key={name}>
              <i class={`account-colour group-${i}`} /> <Name text={name} />
            </span>
          ))}
          <span>
            <i class="account-colour group-none" /> others, or several
          </span>
        </div>
      )}
      {!isEmpty && (
        <p class="soft">
          Columns go from wide networks to narrow ones; the height of a network is the number of its events in
          the model{timed.length > 0 && ', and each mark in its lane is a loaded event'}.
          {events &&
            events.total > rows.length &&
            ` The latest ${grouped(rows.length)} of ${grouped(events.total)} loaded events are drawn.`}
          {leftOut.places > 0 &&
            ` ${counted(leftOut.places, 'place')} with ${counted(leftOut.events, 'event')} in further networks are left out.`}
        </p>
      )}
      {networks.length > 0 && <NetworkTable networks={networks} />}
    </section>
  );
}

function Mark({ verdict, isNew }: { verdict: Verdict; isNew: boolean }) {
  const picture = html`<svg class="account-mark" viewBox="-8 -8 16 16" width="14" height="14" aria-hidden="true">${eventMark(0, 0, verdict, isNew)}</svg>`;
  return <Drawing picture={picture} className="account-mark-box" />;
}

/** The same networks in words: those that are told apart no further. */
function NetworkTable({ networks }: { networks: AccountNetworkNode[] }) {
  const ends = networks
    .flatMap((node) => endsOf(node) as AccountNetworkNode[])
    .sort((a, b) => b.events - a.events || b.places - a.places);
  const hasProviders = ends.some(({ provider }) => provider !== null);
  const hasCountries = ends.some(({ country }) => country !== null);
  return (
    <details class="account-networks">
      <summary>The same as a table: {counted(ends.length, 'network')}</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <section class="wide" tabIndex={0} aria-label="Networks of the account">
        <table>
          <thead>
            <tr>
              <th scope="col">Network</th>
              <th scope="col" class="number">
                Events
              </th>
              <th scope="col" class="number">
                Places
              </th>
              <th scope="col">Last day</th>
              {hasProviders && <th scope="col">Provider</th>}
              {hasCountries && <th scope="col">Country</th>}
            </tr>
          </thead>
          <tbody>
            {ends.map(({ network, events, places, last_time, provider, country }) => (
              <tr key={network}>
                <th scope="row">{network}</th>
                <td class="number">{grouped(events)}</td>
                <td class="number">{grouped(places)}</td>
                <td>{dayText(last_time)}</td>
                {hasProviders && <td>{provider === null ? '–' : <Name text={provider} />}</td>}
                {hasCountries && <td>{country ?? '–'}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}
