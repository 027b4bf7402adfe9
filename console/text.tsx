import type { Verdict } from '../src/serve/console/contract.ts';

const NAME_CHARACTERS = 48;
/** What a text may hold that draws nothing, or changes the direction or place of what stands beside it. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** What joins two pictures to one, as in families and flags; between letters it draws nothing. */
const JOINER =
  /(?<=\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)\u200d(?=\p{Extended_Pictographic})/gu;

/**
 * A name that data gave: cut in the middle, isolated from the direction of what stands beside it, and with invisible
 * characters made visible.
 */
export function Name({ text, most = NAME_CHARACTERS }: { text: string; most?: number }) {
  const characters = Array.from(text.slice(0, 4000));
  const isCut = text.length > 4000 || characters.length > most;
  const shown = isCut
    ? `${characters.slice(0, Math.ceil(most * 0.6)).join('')}…${Array.from(text.slice(-400))
        .slice(-Math.floor(most * 0.3))
        .join('')}`
    : text;
  return (
    <bdi
      class="name"
      title={isCut ? `${visible(text.slice(0, 1000))}${text.length > 1000 ? '…' : ''}` : undefined}
    >
      {visible(shown)}
    </bdi>
  );
}

/** `a\u0000b\u202ec` → `a⟨0⟩b⟨202e⟩c`; joined emoji stay joined */
export const visible = (text: string) =>
  text
    .split(JOINER)
    .map((part) => part.replace(INVISIBLE, (char) => `⟨${char.codePointAt(0)!.toString(16)}⟩`))
    .join('\u200d');

export const grouped = (count: number) => Math.round(count).toLocaleString('en');

/** `1 event`, `2 events` */
export const counted = (count: number, one: string, many = `${one}s`) =>
  `${grouped(count)} ${count === 1 ? one : many}`;

/** `1.2 %`; what is above 0 and rounds to it says so */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0 || value === 100) return `${value} %`;
  if (value > 99.9) return value > 99.995 ? '> 99.99 %' : `${value.toFixed(2)} %`;
  return value < 0.001 ? '< 0.001 %' : `${Number(value.toPrecision(value < 10 ? 2 : 3))} %`;
}

/** An anomaly with a minus sign of the right width. */
export const nats = (value: number) => value.toFixed(2).replace('-', '−');

/** `2018-11-08 17:02:11`, UTC */
export function timeText(seconds: number | null): string {
  if (seconds === null) return '–';
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().slice(0, 19).replace('T', ' ');
}

export const dayText = (seconds: number | null) => timeText(seconds).slice(0, 10);

const VERDICT_SIGNS: Record<Verdict, string> = { ok: '✓', suspicious: '!', unknown: '?' };

/** Told by colour, sign and word. */
export function VerdictBadge({ verdict }: { verdict: Verdict }) {
  return (
    <span class={`verdict ${verdict}`}>
      <span aria-hidden="true">{VERDICT_SIGNS[verdict]}</span> {verdict}
    </span>
  );
}
