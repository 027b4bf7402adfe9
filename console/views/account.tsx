import type { Route } from '../route.ts';

export function AccountView(_: { route: Route }) {
  return <h1>Account</h1>;
}
