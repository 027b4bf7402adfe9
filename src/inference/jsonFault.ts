const MARKS = '{}[],:';
const STRING_SOURCE = String.raw`"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"`;
/** Tokens of JSON (RFC 8259) other than marks, from a place on. */
const STRING = new RegExp(STRING_SOURCE, 'y');
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;

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
 * message has a place in some versions and cases only. A body of megabytes takes a fraction of a second.
 * @returns undefined where nothing is wrong, or the text is too odd to tell
 */
export function jsonFault(text: string): string | undefined {
  /** of each open bracket */
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = 0;
  const fault = () => {
    let line = 1;
    let lineStart = 0;
    for (let end = text.indexOf('\n'); end >= 0 && end < at; end = text.indexOf('\n', lineStart)) {
      line++;
      lineStart = end + 1;
    }
    const found = at >= text.length ? 'the end' : JSON.stringify(String.fromCodePoint(text.codePointAt(at)!));
    return `line ${line}, column ${at - lineStart + 1}: expected ${WORDS[expected]}, got ${found}`;
  };
  const closed = (): Expected => {
    open.pop();
    return afterValue();
  };
  const afterValue = (): Expected => (open.length === 0 ? 'nothing' : ', or end');
  try {
    for (;;) {
      while (isBlank(text.charCodeAt(at))) at++;
      const first = text.charAt(at);
      const isMark = first !== '' && MARKS.includes(first);
      const expression = first === '"' ? STRING : SCALAR;
      expression.lastIndex = at;
      if (!isMark && !expression.test(text)) {
        return expected === 'nothing' && first === '' ? undefined : fault();
      }
      const end = isMark ? at + 1 : expression.lastIndex;
      const next = following(isMark ? first : first === '"' ? 'string' : 'scalar');
      if (next === undefined || (expression === SCALAR && !isMark && isCut(text, end))) return fault();
      at = end;
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
const isCut = (text: string, end: number) => end < text.length && /[\w.+-]/.test(text.charAt(end));

/** Blanks of JSON: space, tab, line ends. */
const isBlank = (code: number) => code === 32 || code === 9 || code === 10 || code === 13;
