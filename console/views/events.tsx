import type { Route } from '../route.ts';

export function EventsView(_: { route: Route }) {
  return <h1>Events</h1>;
}
