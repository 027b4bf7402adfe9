import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { InputError } from '../../errors.ts';

/** Where `npm run build` puts the pages. */
const FOLDER = fileURLToPath(new URL('../../console/', import.meta.url));

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.md': 'text/plain; charset=utf-8',
};

/** Nothing but this server's own files runs or is asked, nothing can be typed into markup, no other page may hold these. */
const PAGE_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types drawing',
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/**
 * The pages, read once. They hold no data, so they need no token.
 * @throws InputError where they were not built
 */
export function assetRoutes(app: FastifyInstance): void {
  for (const file of filesOf(FOLDER)) {
    const bytes = readFileSync(join(FOLDER, file));
    const isPage = file === 'index.html';
    const headers = {
      ...PAGE_HEADERS,
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      // The names of those below assets/ hold a hash of the content.
      'cache-control': file.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    };
    app.get(isPage ? '/console/' : `/console/${file}`, { config: { needsNoToken: true } }, (_, reply) =>
      reply.headers(headers).send(bytes),
    );
  }
  for (const url of ['/', '/console']) {
    app.get(url, { config: { needsNoToken: true } }, (_, reply) => reply.redirect('/console/'));
  }
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length));
  } catch {
    throw new InputError('--console: the pages were not built. Run npm run build.');
  }
}
