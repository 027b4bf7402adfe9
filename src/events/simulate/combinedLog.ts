import { type AddressWords, formatAddress, isIpv4 } from '../../addresses/address.ts';
import { AGENT_COUNT, userAgent } from './userAgents.ts';

const encoder = new TextEncoder();
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const BEFORE_NAME = encoder.encode(' - user_');
/** Above the length of every line: an IPv6 address, a name, a time and the longest user agent stay below 330 bytes. */
const LONGEST_LINE = 512;
const CHUNK_BYTES = 1 << 20;

/** The decimal digits of each octet, four bytes apart; OCTET_LENGTH says how many there are. */
const OCTET_DIGITS = new Uint8Array(1024);
const OCTET_LENGTH = new Uint8Array(256);
for (let octet = 0; octet < 256; octet++) {
  const digits = encoder.encode(String(octet));
  OCTET_DIGITS.set(digits, octet * 4);
  OCTET_LENGTH[octet] = digits.length;
}

/**
 * Writes logins as lines of Apache's combined log format
 * (https://httpd.apache.org/docs/2.4/logs.html#combined), times in UTC:
 *
 *   198.51.100.7 - user_7 [04/Nov/2018:00:01:02 +0000] "GET /login_success HTTP/1.1" 200 476 "-" "Mozilla/5.0 …"
 *
 * The bytes go into one buffer that is used over and over; no text is made for a line.
 */
export class CombinedLogWriter {
  readonly #bytes = new Uint8Array(CHUNK_BYTES);
  #at = 0;
  readonly #tails: Uint8Array[];
  /** `[04/Nov/2018:00:01:02`, of #second */
  readonly #stamp = new Uint8Array(21);
  #second = Number.NaN;
  #day = Number.NaN;

  constructor() {
    this.#tails = Array.from({ length: AGENT_COUNT }, (_, agent) =>
      encoder.encode(` +0000] "GET /login_success HTTP/1.1" 200 476 "-" "${userAgent(agent)}"\n`),
    );
  }

  /** Whether the lines must be taken before the next one is added. */
  get isFull(): boolean {
    return this.#at + LONGEST_LINE > this.#bytes.length;
  }

  /** The lines added since the last call; the bytes are valid until the next one is added. */
  take(): Uint8Array {
    const lines = this.#bytes.subarray(0, this.#at);
    this.#at = 0;
    return lines;
  }

  /**
   * @param user      number of the account
   * @param addresses the address is addresses[4·index, 4·index + 4)
   * @param second    whole seconds since 1970-01-01 UTC
   * @param agent     number of the user agent
   */
  add(user: number, addresses: AddressWords, index: number, second: number, agent: number): void {
    if (second !== this.#second) this.#setTime(second);
    const bytes = this.#bytes;
    let at = this.#at;
    if (isIpv4(addresses, index)) {
      const address = addresses[index * 4 + 3];
      for (let shift = 24; shift >= 0; shift -= 8) {
        const octet = (address >>> shift) & 255;
        const digits = octet * 4;
        bytes[at] = OCTET_DIGITS[digits];
        bytes[at + 1] = OCTET_DIGITS[digits + 1];
        bytes[at + 2] = OCTET_DIGITS[digits + 2];
        at += OCTET_LENGTH[octet];
        bytes[at++] = 46;
      }
      at--; // the dot after the last octet
    } else {
      const text = formatAddress(addresses, index);
      for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    }
    for (let i = 0; i < BEFORE_NAME.length; i++) bytes[at++] = BEFORE_NAME[i];
    at = writeDecimal(bytes, at, user + 1);
    bytes[at++] = 32;
    for (let i = 0; i < 21; i++) bytes[at++] = this.#stamp[i];
    const tail = this.#tails[agent];
    bytes.set(tail, at);
    this.#at = at + tail.length;
  }

  #setTime(second: number): void {
    const day = Math.floor(second / 86400);
    const stamp = this.#stamp;
    if (day !== this.#day) {
      const date = new Date(day * 86400_000);
      const text = `[${String(date.getUTCDate()).padStart(2, '0')}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}:`;
      encoder.encodeInto(text, stamp);
      this.#day = day;
    }
    const rest = second - day * 86400;
    writeTwoDigits(stamp, 13, Math.floor(rest / 3600));
    stamp[15] = 58;
    writeTwoDigits(stamp, 16, Math.floor(rest / 60) % 60);
    stamp[18] = 58;
    writeTwoDigits(stamp, 19, rest % 60);
    this.#second = second;
  }
}

function writeTwoDigits(bytes: Uint8Array, at: number, value: number): void {
  const tens = (value / 10) | 0;
  bytes[at] = 48 + tens;
  bytes[at + 1] = 48 + value - tens * 10;
}

/** @returns the position after the digits */
function writeDecimal(bytes: Uint8Array, at: number, value: number): number {
  let limit = 10;
  let end = at + 1;
  while (value >= limit) {
    limit *= 10;
    end++;
  }
  for (let position = end - 1; position >= at; position--) {
    const rest = Math.floor(value / 10);
    bytes[position] = 48 + value - rest * 10;
    value = rest;
  }
  return end;
}
