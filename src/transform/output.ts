import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const compress = promisify(gzip);

/** Compressed together: members of gzip that are much smaller compress worse. */
const MEMBER_BYTES = 1 << 20;

/** Writes answers on, compressed or as they are. */
export class Output {
  readonly #write: (bytes: Uint8Array) => void | Promise<void>;
  readonly #isGzip: boolean;
  /** to be compressed */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isEmpty: boolean;

  /** @param isEmpty whether nothing was written by an earlier run */
  constructor(write: (bytes: Uint8Array) => void | Promise<void>, isGzip: boolean, isEmpty: boolean) {
    this.#write = write;
    this.#isGzip = isGzip;
    this.#isEmpty = isEmpty;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#isGzip) return this.#write(bytes);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= MEMBER_BYTES) await this.flush();
  }

  /** Writes what waits to be compressed. Members of gzip may follow each other (RFC 1952, 2.2). */
  async flush(): Promise<void> {
    if (this.#waitingBytes > 0) await this.#member();
  }

  /** Ends the output: a compressed one has a member, even where that holds nothing. */
  async finish(): Promise<void> {
    if (this.#isGzip && (this.#waitingBytes > 0 || this.#isEmpty)) await this.#member();
  }

  async #member(): Promise<void> {
    const member = await compress(Buffer.concat(this.#waiting));
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#isEmpty = false;
    await this.#write(member);
  }
}
