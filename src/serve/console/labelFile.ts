import { closeSync, fsyncSync, openSync, statSync, writeSync } from 'node:fs';
import { type AddressWords, formatAddress } from '../../addresses/address.ts';
import { InputError } from '../../errors.ts';
import { EventReader } from '../../events/readEvents.ts';
import { formatTime } from '../../events/time.ts';
import { writeFailure, writeFileAtomic } from '../../files/atomicFile.ts';
import { readWholeFile } from '../../files/input.ts';
import { csvField, isOneLine } from '../journal.ts';

/** A line of the file. */
export interface LabelLine {
  entity: string;
  words: AddressWords;
  /** seconds since 1970, NaN where unknown */
  time: number;
  label: 'honest' | 'attack';
  /** of the event, as `evaluate` reports by it; '' where not given */
  kind: string;
}

const NEWLINE = 10;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Labels as the CSV file that `evaluate --labelled` reads: entity,address,time,label[,kind]. A new one is a line more, written at
 * once; anything else replaces the file in one step. So no end of the process loses or halves a label that was answered.
 */
export class LabelFile {
  readonly path: string;
  /** whether the file has all of its lines whole; otherwise the next write replaces it */
  #isWhole = true;

  constructor(path: string) {
    this.path = path;
  }

  /** @throws InputError at a line that is no label, and where the file cannot be read or written */
  read(): LabelLine[] {
    const stat = statSync(this.path, { throwIfNoEntry: false });
    if (stat === undefined) {
      // Now rather than at the first label.
      writeFileAtomic(this.path, '');
      return [];
    }
    if (!stat.isFile()) {
      throw new InputError(`${this.path}: expected a file to keep labels in, found a folder or device.`);
    }
    const bytes = readWholeFile(this.path);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    this.#isWhole = end === bytes.length;
    const lines = this.#linesOf(bytes.subarray(0, end));
    if (this.#isWhole) return lines;
    try {
      // A last line without its end, as editors leave it.
      return [...lines, ...this.#linesOf(bytes.subarray(end))];
    } catch {
      // What a killed server was writing when it died: nobody was told that it was kept.
      return lines;
    }
  }

  /** @throws InputError at a line that is no label */
  #linesOf(bytes: Uint8Array): LabelLine[] {
    const lines: LabelLine[] = [];
    const reader = new EventReader(
      { name: this.path, onBadLine: 'error', columns: 'labelled' },
      ({ bytes, entityStart, entityEnd, words, time, label, kind }) => {
        const entity = decoder.decode(bytes.subarray(entityStart, entityEnd));
        lines.push({ entity, words: words.slice(), time, label: label === 1 ? 'attack' : 'honest', kind });
      },
    );
    try {
      reader.push(bytes);
      reader.finish();
    } catch (error) {
      throw new InputError(
        `${(error as Error).message.replace(/ Skip such lines.*$/, '')} Mend the line, or name another file with --labels.`,
      );
    }
    return lines;
  }

  /** @throws InputError where it cannot be kept */
  append(line: LabelLine, all: () => Iterable<LabelLine>): void {
    // Half of a name with line breaks could end where a line does.
    if (!this.#isWhole || !isOneLine(line.entity)) {
      this.replace(all());
      return;
    }
    const bytes = Buffer.from(textOf(line));
    try {
      const file = openSync(this.path, 'a', 0o644);
      try {
        const written = writeSync(file, bytes);
        if (written < bytes.length) this.#isWhole = false;
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      throw writeFailure(this.path, error);
    }
    if (!this.#isWhole) this.replace(all());
  }

  /** Writes the file anew. @throws InputError where it cannot; then the old one is whole */
  replace(lines: Iterable<LabelLine>): void {
    let text = '';
    for (const line of lines) text += textOf(line);
    writeFileAtomic(this.path, text);
    this.#isWhole = true;
  }
}

function textOf({ entity, words, time, label, kind }: LabelLine): string {
  const fields = [
    csvField(entity),
    formatAddress(words),
    Number.isNaN(time) ? '' : formatTime(time),
    label === 'attack' ? '1' : '0',
    ...(kind === '' ? [] : [csvField(kind)]),
  ];
  return `${fields.join(',')}\n`;
}
