import { useState } from 'preact/hooks';
import { hasToken, unlock } from './api.ts';

/** Asks for the token of a server that wants one. */
export function Unlock() {
  const [token, setToken] = useState('');
  const [isRefused, setIsRefused] = useState(hasToken);
  return (
    <form
      class="unlock"
      onSubmit={(event) => {
        event.preventDefault();
        setIsRefused(!unlock(token));
      }}
    >
      <h1>This server wants a token</h1>
      <p>
        It is a line of the file that <code>serve --token-file</code> was given.{' '}
        <code>ip-insights console</code> prints an address that has one in it: open that again after a
        restart.
      </p>
      {isRefused && (
        <p class="fault" role="alert">
          The token of this page is none of this server's.
        </p>
      )}
      <label>
        Token
        <input
          type="password"
          autoComplete="off"
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
      </label>
      <button class="main" type="submit" disabled={token.trim() === ''}>
        Open
      </button>
    </form>
  );
}
