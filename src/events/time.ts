export const SECONDS_PER_DAY = 86_400;

/** 9999-12-31T23:59:59Z: anything later is no time in seconds (more likely milliseconds). */
export const LATEST_SECONDS = 253_402_300_799;
/** 0000-01-01T00:00:00Z: ISO 8601 has no earlier year without an agreement between writer and reader. */
export const EARLIEST_SECONDS = -62_167_219_200;

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?)?$/;

/**
 * Unix seconds or ISO 8601 (a date alone is its midnight; without a zone it is UTC) → seconds since 1970 UTC.
 * @returns NaN where the text is neither
 */
export function parseTime(text: string): number {
  if (/^-?\d+(\.\d+)?$/.test(text)) {
    return inRange(Number(text));
  }
  const match = ISO.exec(text);
  if (!match) return Number.NaN;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  if (hour > 23 || minute > 59 || second > 60) return Number.NaN;
  const midnight = midnightSeconds(year, month, day);
  const date = new Date(midnight * 1000);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return Number.NaN;
  const fraction = match[7] ? Number(`0.${match[7]}`) : 0;
  return inRange(midnight + hour * 3600 + minute * 60 + second + fraction - zoneSeconds(match[8]));
}

const inRange = (seconds: number) => (isTime(seconds) ? seconds : Number.NaN);

/** Whether so many seconds since 1970 can be written as ISO 8601: of the years 0 to 9999. */
export const isTime = (seconds: number): boolean =>
  seconds >= EARLIEST_SECONDS && seconds < LATEST_SECONDS + 1;

function midnightSeconds(year: number, month: number, day: number): number {
  // Date.UTC takes the years 0 to 99 for 1900 to 1999; 400 years are a whole number of days.
  return (Date.UTC(year + 400, month - 1, day) - 400 * 365.2425 * 86_400_000) / 1000;
}

/** NaN where the offset is none: hours to 23, minutes to 59 (RFC 3339, 5.6). */
function zoneSeconds(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z' || zone === 'z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', '') || 0);
  if (hours > 23 || minutes > 59) return Number.NaN;
  return (zone.startsWith('-') ? -60 : 60) * (hours * 60 + minutes);
}

let cachedDay = -1;
let cachedDaySeconds = 0;

/** The same for bytes[start, end), fast for `2018-11-04T00:01:02Z`. */
export function parseTimeBytes(bytes: Uint8Array, start: number, end: number): number {
  if (end - start === 20 && bytes[start + 10] === 84 && bytes[end - 1] === 90) {
    const year = digits(bytes, start, 4);
    const month = digits(bytes, start + 5, 2);
    const day = digits(bytes, start + 8, 2);
    const hour = digits(bytes, start + 11, 2);
    const minute = digits(bytes, start + 14, 2);
    const second = digits(bytes, start + 17, 2);
    const valid = year >= 0 && month > 0 && month < 13 && day > 0 && day < 29 && hour >= 0 && hour < 24;
    if (valid && minute >= 0 && minute < 60 && second >= 0 && second < 60 && separators(bytes, start)) {
      const key = (year * 16 + month) * 32 + day;
      if (key !== cachedDay) {
        cachedDay = key;
        cachedDaySeconds = midnightSeconds(year, month, day);
      }
      return cachedDaySeconds + hour * 3600 + minute * 60 + second;
    }
  }
  // No time needs more characters, and a long field must not cost more than one.
  if (end - start > 64) return Number.NaN;
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]);
  return parseTime(text);
}

function separators(bytes: Uint8Array, start: number): boolean {
  return (
    bytes[start + 4] === 45 && bytes[start + 7] === 45 && bytes[start + 13] === 58 && bytes[start + 16] === 58
  );
}

function digits(bytes: Uint8Array, start: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) {
    const digit = bytes[start + i] - 48;
    if (digit < 0 || digit > 9) return -1000;
    value = value * 10 + digit;
  }
  return value;
}

const days = new Map<number, string>();

/** A day since 1970, `2018-11-10`; there are few days, and each takes a while. */
export function formatDay(day: number): string {
  let text = days.get(day);
  if (text === undefined) {
    text = formatTime(day * SECONDS_PER_DAY).slice(0, 10);
    days.set(day, text);
  }
  return text;
}

/** `2018-11-04T00:01:02Z`, with a fraction only where there is one. */
export function formatTime(seconds: number): string {
  const text = new Date(Math.round(seconds * 1000)).toISOString();
  return text.endsWith('.000Z') ? `${text.slice(0, 19)}Z` : text;
}
