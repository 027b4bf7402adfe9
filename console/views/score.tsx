import type { Route } from '../route.ts';

export function ScoreView(_: { route: Route }) {
  return <h1>Score</h1>;
}
