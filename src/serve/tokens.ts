import { createHash, timingSafeEqual } from 'node:crypto';
import { InputError } from '../errors.ts';
import { readWholeFile } from '../files/input.ts';

/** Tokens that callers may show, as `Authorization: Bearer …`. */
export class Tokens {
  /** hashes, all of one length, so that comparing tells nothing of a token's length */
  readonly #digests: Buffer[];

  private constructor(digests: Buffer[]) {
    this.#digests = digests;
  }

  /**
   * One token a line; several while one takes the place of another.
   * @throws InputError where the file cannot be read or holds none
   */
  static read(path: string): Tokens {
    const lines = Buffer.from(readWholeFile(path)).toString().split('\n');
    const tokens = lines.map((line) => line.trim()).filter((token) => token !== '');
    if (tokens.length === 0) throw new InputError(`${path}: expected a token a line, got none.`);
    const odd = tokens.findIndex((token) => !/^[\x21-\x7e]+$/.test(token));
    if (odd >= 0) {
      throw new InputError(
        `${path}: expected tokens of visible ASCII characters, token ${odd + 1} has others.`,
      );
    }
    return new Tokens(tokens.map(digest));
  }

  /** One token that this process made. */
  static of(token: string): Tokens {
    return new Tokens([digest(token)]);
  }

  /** Whether a header shows one of them; takes as long for any other. */
  admits(authorization: string | undefined): boolean {
    const shown = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
    const given = digest(shown);
    let admitted = 0;
    for (const known of this.#digests) admitted |= Number(timingSafeEqual(given, known));
    return admitted === 1;
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest();
