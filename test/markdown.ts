import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/** All documents: those beside README.md, and those below docs/ and examples/. */
export const DOCUMENTS = [
  ...readdirSync(ROOT).filter((file) => file.endsWith('.md')),
  ...['docs', 'examples'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md'))
      .map((file) => `${folder}/${file}`),
  ),
].sort();

/** A fenced code block. */
export interface Block {
  /** first word after the fence */
  language: string;
  /** the words after it */
  marks: string[];
  code: string;
  /** line of the opening fence, from 1 */
  line: number;
}

export function readDocument(document: string): string {
  return readFileSync(join(ROOT, document), 'utf8');
}

export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  for (const [i, line] of text.split('\n').entries()) {
    const fence = /^\s*```(.*)$/.exec(line);
    if (fence && open) {
      blocks.push(open);
      open = undefined;
    } else if (fence) {
      const [language = '', ...marks] = fence[1].trim().split(/\s+/);
      open = { language, marks, code: '', line: i + 1 };
    } else if (open) {
      open.code += `${line}\n`;
    }
  }
  if (open) throw new Error(`line ${open.line}: this code block is never closed`);
  return blocks;
}

/** The text without its code blocks and code spans. */
export function proseOf(text: string): string {
  return text.replace(/^\s*```[\s\S]*?^\s*```$/gm, '').replace(/`[^`\n]*`/g, '');
}
