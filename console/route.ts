import { useEffect, useRef, useState } from 'preact/hooks';

/** Which view, and what it shows. It stands after the sign # of the address: names of accounts never leave the browser by it. */
export interface Route {
  view: string;
  parameters: URLSearchParams;
}

function readRoute(): Route {
  const [view = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { view: view === '' ? 'overview' : view, parameters: new URLSearchParams(query) };
}

/** `#/events?account=ann`; what is empty is left out. */
export function linkTo(view: string, parameters: Record<string, string | undefined> = {}): string {
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => !!pair[1]);
  const query = new URLSearchParams(given).toString();
  return `#/${view}${query === '' ? '' : `?${query}`}`;
}

export function goTo(view: string, parameters?: Record<string, string | undefined>): void {
  location.hash = linkTo(view, parameters);
}

/** Changes what a view shows, without a step in the browser's history. */
export function stayAt(view: string, parameters: Record<string, string | undefined>): void {
  history.replaceState(null, '', linkTo(view, parameters));
}

export function useRoute(): Route {
  const [route, setRoute] = useState(readRoute);
  const first = useRef(location.hash);
  useEffect(() => {
    const read = () => setRoute(readRoute());
    // It may have changed before anybody listened.
    if (location.hash !== first.current) read();
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  return route;
}
