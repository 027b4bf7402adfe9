import type { Route } from '../route.ts';

export function OverviewView(_: { route: Route }) {
  return <h1>Overview</h1>;
}
