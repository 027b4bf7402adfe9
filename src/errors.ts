/**
 * Something that the person at the keyboard can mend: the message names the place, what was expected,
 * what came instead and the next step. The command prints it without a stack trace and exits with 1.
 */
export class InputError extends Error {
  override name = 'InputError';
}

/** A call that cannot be understood (unknown option, value out of range); the command exits with 2. */
export class UsageError extends InputError {
  override name = 'UsageError';
}

/** Text for a message: control characters made visible, long values cut in the middle. */
export function quoted(text: string, limit = 60): string {
  const cut = text.length <= limit ? text : `${text.slice(0, limit - 12)}…${text.slice(-11)}`;
  return JSON.stringify(cut);
}

/** `1,204` */
export const grouped = (n: number): string =>
  // Much faster than asking for the same digits.
  Number.isInteger(n) && n >= 0 && n < 1000 ? String(n) : n.toLocaleString('en-US');

/** `n` with thousands separators and the noun in the right number: `1,204 events`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : many}`;
}
