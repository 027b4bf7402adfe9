/** The server's HTTP API, with the token that came with the address of this page. */

/** A request that the server refused, in its words. */
export class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** `lost`: the server does not answer; `locked`: it wants a token; `open`: it answers. */
export type Connection = 'open' | 'lost' | 'locked';

const TOKEN = 'ip-insights token';
const PING_MILLISECONDS = 1500;

let token = takeToken() ?? sessionStorage.getItem(TOKEN);
let connection: Connection = 'open';
const listeners = new Set<(connection: Connection) => void>();

/**
 * The token stands after the sign # when the console is opened, so that no server or log sees it. It is kept for this tab
 * alone and taken out of the address.
 */
function takeToken(): string | null {
  const given = /^#token=([\x21-\x7e]+)$/.exec(location.hash)?.[1];
  if (given === undefined) return null;
  sessionStorage.setItem(TOKEN, given);
  history.replaceState(null, '', `${location.pathname}#/`);
  return given;
}

// A new address may be opened in the tab of an old one: then only what stands after the sign # changes.
addEventListener('hashchange', () => {
  const given = takeToken();
  if (given !== null) unlock(given);
});

/** A link opened in a new tab finds the token in those that are open, which nobody but pages of this server can ask. */
const tabs = new BroadcastChannel(TOKEN);
tabs.onmessage = ({ data }: MessageEvent<string | null>) => {
  if (data === null && token !== null && connection === 'open') tabs.postMessage(token);
  else if (data !== null && token === null) unlock(data);
};
if (token === null) tabs.postMessage(null);

/** Takes a token that a person typed; what was asked is asked again. @returns whether it can be one */
export function unlock(typed: string): boolean {
  const given = typed.trim();
  // Headers hold nothing else.
  if (!/^[\x21-\x7e]+$/.test(given)) return false;
  token = given;
  sessionStorage.setItem(TOKEN, given);
  become('open');
  return true;
}

/** Whether the server has refused one, of a person or of a start before. */
export const hasToken = () => token !== null;

export const currentConnection = () => connection;

/** @returns a function that ends it */
export function onConnection(listener: (connection: Connection) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function become(next: Connection): void {
  if (next === connection) return;
  connection = next;
  for (const listener of listeners) listener(next);
  if (next === 'lost') setTimeout(ping, PING_MILLISECONDS);
}

async function ping(): Promise<void> {
  try {
    const { ok } = await fetch(urlOf('ping'), { cache: 'no-store' });
    if (ok) return become('open');
  } catch {
    // Still away.
  }
  setTimeout(ping, PING_MILLISECONDS);
}

/** Pages lie one folder below the API, whatever a proxy puts before both. */
const urlOf = (path: string) => new URL(`../${path}`, new URL('.', location.href));

/**
 * Asks the server.
 * @param path `v1/model`
 * @throws Refused with the server's words; an AbortError where the signal said so
 */
export async function ask(
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = {};
  const shown = token;
  if (shown !== null) headers.authorization = `Bearer ${shown}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(urlOf(path), {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
      cache: 'no-store',
    });
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    become('lost');
    throw new Refused(0, 'The server does not answer.');
  }
  // A token that came meanwhile was not shown.
  if (response.status === 401 && token !== shown) return ask(method, path, body, signal);
  if (response.status === 401) become('locked');
  else become('open');
  if (response.ok) return response;
  const text = await response.text();
  throw new Refused(response.status, errorOf(text) ?? `The server answered ${response.status}.`);
}

function errorOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { error?: string }).error;
  } catch {
    return undefined;
  }
}

/** The same, for an answer in JSON. */
export async function askJson<T>(
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const response = await ask(method, path, body, signal);
  return (await response.json()) as T;
}
