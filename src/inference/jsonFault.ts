const STRING = String.raw`"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"`;
const SCALAR = String.raw`true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?`;
/** One token of JSON (RFC 8259) from a place on, after blanks. */
const TOKEN = new RegExp(String.raw`[ \t\r\n]*(?:([{}[\],:])|(${STRING})|(${SCALAR}))`, 'y');

/** What may come next: a value, a name or the end of an object, … */
type Expected = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or end' | 'nothing';

const WORDS: Record<Expected, string> = {
  value: 'a value',
  'value or ]': 'a value or ]',
  name: 'a name in double quotes',
  'name or }': 'a name in double quotes or }',
  ':': 'a colon',
  ', or end': 'a comma or a closing bracket',
  nothing: 'the end',
};

/**
 * Where and how a text that `JSON.parse` refused is no JSON: `line 3, column 14: expected a colon, got "}"`. The engine's own
 * message has a place in some versions and cases only. Called for bad texts alone, so speed does not matter.
 * @returns undefined where nothing is wrong, or the text is too odd to tell
 */
export function jsonFault(text: string): string | undefined {
  /** of each open bracket */
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = 0;
  const fault = () => {
    const blanks = /[ \t\r\n]*/y;
    blanks.lastIndex = at;
    blanks.exec(text);
    const place = blanks.lastIndex;
    const before = text.slice(0, place);
    const line = before.split('\n').length;
    const column = place - before.lastIndexOf('\n');
    const found =
      place >= text.length ? 'the end' : JSON.stringify(String.fromCodePoint(text.codePointAt(place)!));
    return `line ${line}, column ${column}: expected ${WORDS[expected]}, got ${found}`;
  };
  const closed = (): Expected => {
    open.pop();
    return afterValue();
  };
  const afterValue = (): Expected => (open.length === 0 ? 'nothing' : ', or end');
  try {
    for (;;) {
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(text);
      if (!match) return expected === 'nothing' && text.slice(at).trim() === '' ? undefined : fault();
      const [, mark, name, scalar] = match;
      const next = following(mark ?? (name === undefined ? 'scalar' : 'string'));
      if (next === undefined || (scalar !== undefined && isCut(text, TOKEN.lastIndex))) return fault();
      at = TOKEN.lastIndex;
      expected = next;
    }
  } catch {
    // A string of megabytes may be too much for the expression.
    return undefined;
  }

  function following(token: string): Expected | undefined {
    const wantsValue = expected === 'value' || expected === 'value or ]';
    const inObject = open[open.length - 1] === '{';
    if (token === '{' && wantsValue) {
      open.push('{');
      return 'name or }';
    }
    if (token === '[' && wantsValue) {
      open.push('[');
      return 'value or ]';
    }
    if (token === '}' && inObject && (expected === 'name or }' || expected === ', or end')) return closed();
    if (token === ']' && !inObject && (expected === 'value or ]' || expected === ', or end')) return closed();
    if (token === ',' && expected === ', or end') return inObject ? 'name' : 'value';
    if (token === ':' && expected === ':') return 'value';
    if (token === 'string' && (expected === 'name' || expected === 'name or }')) return ':';
    if ((token === 'string' || token === 'scalar') && wantsValue) return afterValue();
    return undefined;
  }
}

/** Whether a number or word goes on with what belongs to none: `01`, `truex`. */
const isCut = (text: string, end: number) => /[\w.+-]/.test(text.charAt(end));
