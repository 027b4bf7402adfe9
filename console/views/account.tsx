import type { AccountAnswer, EventPage } from '../../src/serve/console/contract.ts';
import { AccountSearch } from '../accountSearch.tsx';
import { useAnswer } from '../answers.ts';
import { Empty, Tile, Waiting } from '../parts.tsx';
import { goTo, linkTo, type Route } from '../route.ts';
import { counted, dayText, grouped, Name } from '../text.tsx';
import './account.css';
import { RecentEvents } from './account/events.tsx';
import { headline } from './account/headline.ts';
import { Neighbours } from './account/neighbours.tsx';
import { Picture } from './account/picture.tsx';
import { Weights } from './account/weights.tsx';

/** Events that are drawn: as many as one request gives. */
const DRAWN_EVENTS = 200;

/** What the model knows of one account, and what it did. */
export function AccountView({ route }: { route: Route }) {
  const entity = route.parameters.get('entity') ?? '';
  return (
    <>
      <AccountSearch entity={entity} onChoose={(chosen) => goTo('account', { entity: chosen })} />
      {entity === '' ? (
        <>
          <h1>Account</h1>
          <Empty>
            Type the name of an account to see the networks that it uses, where it signs in from when the
            place is new, and who shares its networks. Models keep no names: they are suggested where events
            are loaded.
          </Empty>
        </>
      ) : (
        <Account key={entity} entity={entity} />
      )}
    </>
  );
}

function Account({ entity }: { entity: string }) {
  const asked = useAnswer<AccountAnswer>('v1/account', { entity });
  const query = { filter: { entity }, order: 'latest' };
  const events = useAnswer<EventPage>('v1/events/query', { ...query, limit: DRAWN_EVENTS });
  const { total = 0, rows = [] } = events.answer ?? {};
  const earliest = useAnswer<EventPage>(
    total > rows.length ? 'v1/events/query' : undefined,
    total > rows.length ? { ...query, offset: total - 1, limit: 1 } : undefined,
  );
  const first = (total > rows.length ? earliest.answer?.rows[0] : rows.at(-1))?.time ?? null;
  const account = asked.answer;
  return (
    <>
      <header class="account-head">
        <h1>
          <Name text={entity} most={80} />
        </h1>
        <a href={linkTo('score', { entity })}>Score an address for this account</a>
      </header>
      <Waiting of={asked} what="what the model knows" />
      {account && !account.is_known && <Unknown />}
      {account?.is_known && (
        <>
          <p class="account-headline">{headline(account)}</p>
          <Tiles account={account} events={events.answer} first={first} />
          {!account.has_vector && (
            <p class="note">
              The account came after the vectors were trained: its history alone is scored, until the next
              training.
            </p>
          )}
        </>
      )}
      {account && <Picture account={account} events={events.answer} />}
      <RecentEvents entity={entity} asked={events} />
      {account?.is_known && (
        <div class="account-columns">
          {account.weights.length > 0 && <Weights account={account} />}
          <Neighbours account={account} />
        </div>
      )}
    </>
  );
}

function Unknown() {
  return (
    <div class="note">
      <p>
        <b>The model has never seen this account.</b> Names are compared letter by letter: check the spelling,
        and capital letters.
      </p>
      <p>
        An unknown account has no networks of its own. Its logins are judged by where everybody signs in from,
        and its vector means nothing. It becomes known when events of it are learned: at the next training or{' '}
        <code>ip-insights update</code>, or when they are observed.
      </p>
    </div>
  );
}

function Tiles({
  account,
  events,
  first,
}: {
  account: AccountAnswer;
  events: EventPage | undefined;
  /** when the first loaded event was; null where unknown */
  first: number | null;
}) {
  const { places, last_time } = account;
  const total = events?.total ?? 0;
  const last = events?.rows[0]?.time ?? null;
  return (
    <div class="tiles">
      <Tile value={grouped(account.events)}>{account.events === 1 ? 'event' : 'events'} in the model</Tile>
      <Tile value={grouped(places)}>
        distinct {places === 1 ? 'place' : 'places'} (addresses, or IPv6 /64)
      </Tile>
      <Tile value={dayText(last_time)}>last day in the model</Tile>
      {total > 0 && (
        <Tile value={grouped(total)}>
          loaded {total === 1 ? 'event' : 'events'}
          {first !== null && last !== null && `, ${daysText(first, last)}`}
        </Tile>
      )}
      {account.neighbours.length > 0 && (
        <Tile value={account.neighbours.length < 20 ? grouped(account.neighbours.length) : '20 or more'}>
          {counted(account.neighbours.length, 'account', 'accounts').replace(/^\S+ /, '')} in its networks
        </Tile>
      )}
    </div>
  );
}

const daysText = (first: number, last: number) =>
  dayText(first) === dayText(last) ? dayText(first) : `${dayText(first)} to ${dayText(last)}`;
