import type { Route } from '../route.ts';

export function MapView(_: { route: Route }) {
  return <h1>Map</h1>;
}
