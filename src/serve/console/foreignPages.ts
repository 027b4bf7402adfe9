import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { quoted } from '../../errors.ts';

/** Names of this machine that a page of another one cannot take: RFC 6761, 6.3. */
const isLocalName = (host: string) => host === 'localhost' || host.endsWith('.localhost') || isIP(host) > 0;

/**
 * Pages of other sites run in the same browser as the console. Without a token they could ask whatever it can: by a request that the
 * browser sends for them, or by a name of theirs that leads to this machine (DNS rebinding).
 * @param needsToken whether requests must show one, which other pages do not know
 * @returns why a request is refused; undefined: it is not
 */
export function foreignPage({ headers, method }: IncomingMessage, needsToken: boolean): string | undefined {
  const site = headers['sec-fetch-site'];
  const isNavigation = method === 'GET' && headers['sec-fetch-mode'] === 'navigate';
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isNavigation) {
    return 'Sec-Fetch-Site: expected a page of this server, got one of another.';
  }
  if (needsToken) return undefined;
  const host = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (host === '' || isLocalName(host.toLowerCase())) return undefined;
  return `Host: expected an address or localhost, got ${quoted(host)}. Start the server with --token-file to be asked by names.`;
}
