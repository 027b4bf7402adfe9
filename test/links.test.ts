import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { DOCUMENTS, proseOf, ROOT, readDocument } from './markdown.ts';

/** The anchor that GitHub makes of a heading. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

const anchorsOf = (document: string) =>
  [...readDocument(document).matchAll(/^#+\s+(.*)$/gm)].map((match) => anchor(match[1]));

for (const document of DOCUMENTS) {
  test(`${document}: every relative link exists`, () => {
    const prose = proseOf(readDocument(document));
    const links = [...prose.matchAll(/\]\(([^)\s]+)[^)]*\)|\b(?:href|src)="([^"]+)"/g)].map(
      (match) => match[1] ?? match[2],
    );
    for (const link of links.filter((link) => !/^[a-z]+:/.test(link))) {
      const [path, place] = link.split('#');
      const file = path === '' ? document : join(dirname(document), path);
      assert.ok(existsSync(join(ROOT, file)), `${link}: there is no ${file}`);
      if (place && file.endsWith('.md')) {
        assert.ok(anchorsOf(file).includes(place), `${link}: ${file} has no heading for #${place}`);
      }
    }
  });
}
