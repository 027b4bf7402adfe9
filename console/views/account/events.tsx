import type { EventPage } from '../../../src/serve/console/contract.ts';
import type { Answered } from '../../answers.ts';
import { Empty, Waiting } from '../../parts.tsx';
import { linkTo } from '../../route.ts';
import { grouped, Name, nats, percent, timeText, VerdictBadge } from '../../text.tsx';

const LISTED = 50;
/** Before the rest is asked for. */
const FEW = 8;

/** What the account did lately, of the events that are loaded. */
export function RecentEvents({ entity, asked }: { entity: string; asked: Answered<EventPage> }) {
  const page = asked.answer;
  return (
    <section>
      <h2>Latest events</h2>
      <Waiting of={asked} what="events" />
      {page && page.rows.length === 0 && (
        <Empty>
          No event of this account is loaded. Start the console with <code>--events</code> to see what was
          scored.
        </Empty>
      )}
      {page && page.rows.length > 0 && <Listed entity={entity} page={page} />}
    </section>
  );
}

function Listed({ entity, page: { rows, total } }: { entity: string; page: EventPage }) {
  const hasProviders = rows.some(({ provider }) => provider !== null);
  const hasCountries = rows.some(({ country }) => country !== null);
  const hasLabels = rows.some(({ label }) => label !== null);
  const table = (listed: typeof rows, title: string) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section class="wide" tabIndex={0} aria-label={title}>
      <table>
        <thead>
          <tr>
            <th scope="col">Time (UTC)</th>
            <th scope="col">Address</th>
            {hasProviders && <th scope="col">Provider</th>}
            {hasCountries && <th scope="col">Country</th>}
            <th scope="col">Verdict</th>
            <th scope="col" class="number">
              Anomaly (nats)
            </th>
            <th scope="col" class="number">
              p-value
            </th>
            {hasLabels && <th scope="col">Label</th>}
          </tr>
        </thead>
        <tbody>
          {listed.map((row) => (
            <tr key={row.id}>
              <td class="account-time">{timeText(row.time)}</td>
              <td>
                <a href={linkTo('score', { entity, address: row.address })}>{row.address}</a>
              </td>
              {hasProviders && (
                <td class="account-provider">
                  {row.provider === null ? '–' : <Name text={row.provider} most={40} />}
                </td>
              )}
              {hasCountries && <td>{row.country ?? '–'}</td>}
              <td>
                <VerdictBadge verdict={row.verdict} />
              </td>
              <td class="number">{nats(row.anomaly)}</td>
              <td class="number">{row.p_value === null ? '–' : percent(row.p_value)}</td>
              {hasLabels && <td>{row.label ?? '–'}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
  const listed = rows.slice(0, LISTED);
  return (
    <>
      {table(listed.slice(0, FEW), 'The latest of them')}
      {listed.length > FEW && (
        <details class="account-more">
          <summary>{grouped(listed.length - FEW)} earlier ones</summary>
          {table(listed.slice(FEW), 'Earlier events')}
        </details>
      )}
      <p>
        <a href={linkTo('events', { entity })}>
          {total === 1 ? 'The event' : `All ${grouped(total)} events`} of this account
        </a>
      </p>
    </>
  );
}
