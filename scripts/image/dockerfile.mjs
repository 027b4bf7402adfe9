// Reads a Dockerfile and a .dockerignore, as far as this project uses them; whatever else stands there is refused.
import { matchesGlob } from './glob.mjs';

const KNOWN = ['FROM', 'WORKDIR', 'COPY', 'ENV', 'LABEL', 'EXPOSE', 'RUN', 'ENTRYPOINT'];

/**
 * @returns stages in order: { from, name, steps: [{ line, instruction, text }] }; `line` counts from 1
 */
export function parseDockerfile(text) {
  const stages = [];
  for (const { line, instruction, rest } of instructionsOf(text)) {
    if (!KNOWN.includes(instruction)) {
      throw new Error(`Dockerfile:${line}: expected ${KNOWN.join(', ')}, got ${instruction}.`);
    }
    if (instruction === 'FROM') {
      const [, from, name] =
        /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(rest) ?? refuse(line, 'FROM image [AS name]', rest);
      stages.push({ from, name: name ?? '', steps: [] });
    } else {
      if (stages.length === 0) refuse(line, 'FROM first', instruction);
      stages.at(-1).steps.push({ line, instruction, text: rest });
    }
  }
  return stages;
}

function refuse(line, expected, got) {
  throw new Error(`Dockerfile:${line}: expected ${expected}, got ${got}.`);
}

/** Comments and blank lines left out, also between the lines of one instruction; continued lines joined. */
function* instructionsOf(text) {
  let open;
  for (const [i, whole] of text.split('\n').entries()) {
    const part = whole.trim();
    if (part === '' || part.startsWith('#')) continue;
    open ??= { line: i + 1, text: '' };
    open.text += part.replace(/\\$/, ' ');
    if (part.endsWith('\\')) continue;
    const [, instruction, rest] =
      /^(\S+)\s+(.*)$/.exec(open.text) ?? refuse(open.line, 'arguments', open.text);
    yield { line: open.line, instruction: instruction.toUpperCase(), rest: rest.trim() };
    open = undefined;
  }
}

/** `A=1 B="two words"` → [['A', '1'], ['B', 'two words']] */
export function parsePairs({ line, text }) {
  const pairs = [...text.matchAll(/([\w.-]+)=(?:"([^"]*)"|(\S*))(?:\s+|$)/g)];
  if (pairs.map(([whole]) => whole).join('') !== text) refuse(line, 'NAME=value', text);
  return pairs.map(([, name, quoted, plain]) => [name, quoted ?? plain]);
}

/** `--from=build a b c` → { from: 'build', sources: ['a', 'b'], target: 'c' } */
export function parseCopy({ line, text }) {
  const words = text.split(/\s+/);
  const flags = words.filter((word) => word.startsWith('--'));
  const from = flags[0]?.startsWith('--from=') ? flags[0].slice(7) : undefined;
  if (flags.length > (from === undefined ? 0 : 1)) refuse(line, 'no flag but --from', flags.join(' '));
  const paths = words.slice(flags.length);
  if (paths.length < 2) refuse(line, 'sources and a target', text);
  return { from, sources: paths.slice(0, -1), target: paths.at(-1) };
}

/** `["node", "main.js"]` */
export function parseList({ line, text }) {
  try {
    const list = JSON.parse(text);
    if (Array.isArray(list) && list.every((word) => typeof word === 'string')) return list;
  } catch {}
  return refuse(line, 'a JSON list of texts', text);
}

/**
 * Which files of the build context .dockerignore leaves out: the last pattern that matches a path, or a folder
 * that it lies in, decides.
 * @returns (path relative to the context) → whether it is left out
 */
export function parseIgnoreFile(text) {
  const patterns = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ keeps: line.startsWith('!'), glob: line.replace(/^!/, '').replace(/^\/|\/$/g, '') }));
  return (path) => {
    const parts = path.split('/');
    const places = parts.map((_, i) => parts.slice(0, i + 1).join('/'));
    let isLeftOut = false;
    for (const { keeps, glob } of patterns) {
      if (places.some((place) => matchesGlob(place, glob))) isLeftOut = !keeps;
    }
    return isLeftOut;
  };
}
