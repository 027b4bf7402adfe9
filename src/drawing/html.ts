/** Text that is markup already. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type HtmlPart = Html | string | number | HtmlPart[];

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as markup that shows it, in elements and in quoted attributes; control characters become visible. */
export function escapeHtml(text: string): string {
  const visible = Array.from(text, (char) => {
    const code = char.charCodeAt(0);
    return code < 32 || code === 127 ? String.fromCharCode(code === 127 ? 0x2421 : 0x2400 + code) : char;
  });
  return visible.join('').replace(/[&<>"']/g, (char) => ENTITIES[char]);
}

/** Markup with values in it: whatever is not markup already is escaped, so that data can never become markup. */
export function html(strings: TemplateStringsArray, ...values: HtmlPart[]): Html {
  return new Html(
    strings.map((literal, i) => (i === 0 ? literal : markup(values[i - 1]) + literal)).join(''),
  );
}

function markup(value: HtmlPart): string {
  if (Array.isArray(value)) return value.map(markup).join('');
  return value instanceof Html ? value.text : escapeHtml(String(value));
}
