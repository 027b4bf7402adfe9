import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { askJson, currentConnection, onConnection, Refused } from './api.ts';

export function useConnection() {
  const [connection, setConnection] = useState(currentConnection());
  useLayoutEffect(() => {
    // It may have changed before anybody listened.
    setConnection(currentConnection());
    return onConnection(setConnection);
  }, []);
  return connection;
}

export interface Answered<T> {
  /** the last one; stays while a newer is asked for */
  answer: T | undefined;
  error: Refused | undefined;
  isAsking: boolean;
  again: () => void;
}

/**
 * What the server answers a request that only reads. It is asked anew when the request changes and when the server comes back; of
 * requests that overtake each other the last one counts.
 * @param path undefined: nothing is asked
 */
export function useAnswer<T>(path: string | undefined, body?: unknown): Answered<T> {
  const [state, setState] = useState<Omit<Answered<T>, 'again'>>({
    answer: undefined,
    error: undefined,
    isAsking: path !== undefined,
  });
  const [round, setRound] = useState(0);
  const connection = useConnection();
  const text = body === undefined ? undefined : JSON.stringify(body);
  const before = useRef(connection);
  // Asked before the next frame, not after it.
  useLayoutEffect(() => {
    // While the server is away, only its coming back asks again.
    if (before.current !== connection) {
      before.current = connection;
      if (connection !== 'open') return;
    }
    if (path === undefined) {
      setState({ answer: undefined, error: undefined, isAsking: false });
      return;
    }
    const stop = new AbortController();
    setState((state) => ({ ...state, isAsking: true }));
    askJson<T>(text === undefined ? 'GET' : 'POST', path, text && JSON.parse(text), stop.signal).then(
      (answer) => setState({ answer, error: undefined, isAsking: false }),
      (error) => {
        if (stop.signal.aborted) return;
        setState((state) => ({ answer: state.answer, error: asRefused(error), isAsking: false }));
      },
    );
    return () => stop.abort();
  }, [path, text, round, connection]);
  const again = useCallback(() => setRound((round) => round + 1), []);
  return { ...state, again };
}

/** What to say of an act that failed. @param kept what did not happen, as `Nothing was saved.` */
export const faultText = ({ status, message }: Refused, kept: string) =>
  status === 0 ? `${message} ${kept}` : message;

/** Calls when the server, which did not answer, does again. */
export function useBack(onBack: () => void): void {
  const connection = useConnection();
  const before = useRef(connection);
  useEffect(() => {
    if (before.current === 'lost' && connection === 'open') onBack();
    before.current = connection;
  }, [connection]);
}

export const asRefused = (error: unknown) =>
  error instanceof Refused ? error : new Refused(0, (error as Error).message);
