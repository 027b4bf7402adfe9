import { InputError } from '../../errors.ts';
import { inputName } from '../../files/input.ts';
import type { Model } from '../../model/model.ts';
import {
  EventLinesReader,
  formatOfScores,
  joined,
  ScoreLinesReader,
  type ScoreReader,
  type ScoreSink,
} from '../../scores/readScores.ts';
import type { ScoredEvents } from '../../scores/scoredEvents.ts';
import { ScoreNow } from '../../scores/scoreNow.ts';
import { readAnswered } from './answeredFile.ts';
import { type EventFile, findEventFiles, readPieces } from './eventFiles.ts';
import { Slices } from './slices.ts';

/** How far reading is, for whoever started the server. */
export interface LoadingListener {
  /** @param done, total in bytes; total 0 where it is not known */
  progress(done: number, total: number): void;
  ended(loaded: LoadedEvents): void;
}

/** So many of the first reasons why lines were left out are told. */
const KEPT_REASONS = 10;

/** So many bytes tell how long lines are, and lines vary. */
const SAMPLE_BYTES = 1 << 22;
const ROOM = 1.05;

/** What scores events that nobody has scored. */
export interface LoadingModel {
  model: () => Model;
  threshold: number | undefined;
}

/** The events of files, read in the background. */
export class LoadedEvents {
  readonly events: ScoredEvents;
  /** as they were named */
  readonly names: string[];
  readonly #files: EventFile[];
  readonly #totalBytes: number;
  #readBytes = 0;
  isDone: boolean;
  /** lines that were no events */
  skipped = 0;
  readonly skippedReasons: string[] = [];
  #isEnded = false;
  #hasReserved = false;

  /** @throws InputError where there is no such file */
  constructor(paths: string[], events: ScoredEvents) {
    this.events = events;
    this.names = paths.map(inputName);
    this.#files = findEventFiles(paths);
    this.#totalBytes = this.#files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    this.isDone = this.#files.length === 0;
  }

  /** Share of the files that was read; 1: all of them. */
  get share(): number {
    if (this.isDone) return 1;
    return this.#totalBytes === 0 ? 0 : Math.min(0.999, this.#readBytes / this.#totalBytes);
  }

  /** Gives up what is left. */
  end(): void {
    this.#isEnded = true;
  }

  /**
   * Reads the files one after the other. One that cannot be read to its end costs what is left of it only.
   * @param order puts the events in their orders, before all is said to be there
   */
  async load(loading: LoadingModel, order: () => Promise<void>, listener?: LoadingListener): Promise<void> {
    for (const file of this.#files) {
      if (this.#isEnded) return;
      const now = new ScoreNow(this.events, loading.model, loading.threshold);
      const sink: ScoreSink = {
        event: (name, words, time, figures) => {
          if (figures) this.events.add(name, words, time, figures);
          else now.add(name, words, time);
        },
        bad: (place, sentence) => this.#skip(file, place, sentence),
      };
      try {
        await this.#read(file, sink, listener);
        now.flush();
      } catch (error) {
        this.#skip(file, undefined, error instanceof InputError ? error.message : String(error));
      }
    }
    await order();
    this.isDone = true;
    listener?.ended(this);
  }

  async #read(file: EventFile, sink: ScoreSink, listener: LoadingListener | undefined): Promise<void> {
    const slices = new Slices();
    const onBytes = (bytes: number) => {
      this.#readBytes += bytes;
      listener?.progress(this.#readBytes, this.#totalBytes);
    };
    if (file.answers !== undefined) {
      await readAnswered(readPieces(file.path, onBytes), readPieces(file.answers, onBytes), sink, slices);
      return;
    }
    let head: Uint8Array = new Uint8Array(0);
    let reader: ScoreReader | undefined;
    for await (const piece of readPieces(file.path, onBytes)) {
      if (this.#isEnded) return;
      if (reader) {
        reader.push(piece);
      } else {
        head = joined(head, piece);
        const format = formatOfScores(head);
        if (format === undefined) continue;
        reader = format === 'json' ? new ScoreLinesReader(sink) : new EventLinesReader(file.path, sink);
        reader.push(head);
      }
      this.#reserve();
      await slices.rest();
    }
    reader?.finish();
  }

  /** Makes room for what will come, going by what came so far. */
  #reserve(): void {
    if (this.#readBytes < SAMPLE_BYTES || this.#totalBytes === 0 || this.#hasReserved) return;
    this.#hasReserved = true;
    this.events.reserve(Math.ceil((this.events.count * this.#totalBytes * ROOM) / this.#readBytes));
  }

  /** @param place undefined: the file as a whole */
  #skip({ path }: EventFile, place: string | undefined, sentence: string): void {
    this.skipped++;
    // Of a whole file it is always told.
    if (place !== undefined && this.skippedReasons.length >= KEPT_REASONS) return;
    const reason = sentence.replace(/^line \d+: /, '');
    const name = inputName(path);
    if (place !== undefined) this.skippedReasons.push(`${name}: ${place}: ${reason}`);
    else this.skippedReasons.push(reason.startsWith(name) ? reason : `${name}: ${reason}`);
  }
}
