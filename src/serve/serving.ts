import type { AddressWords } from '../addresses/address.ts';
import { InputError } from '../errors.ts';
import { hashEntity } from '../events/entityHash.ts';
import type { ScoringCrew } from '../inference/crew.ts';
import { RequestError } from '../inference/requestError.ts';
import type { SharedModel } from '../model/sharedBytes.ts';
import { Bodies } from './bodies.ts';
import { Connections } from './connections.ts';
import { Journal, type Observation } from './journal.ts';
import { ServerMetrics } from './metrics.ts';
import { ModelShelf } from './modelShelf.ts';
import { loadMeanwhile, openAtStart, type ServedModel } from './servedModel.ts';
import { Tokens } from './tokens.ts';

export interface ServingOptions {
  /** model file; undefined: only those of `models` */
  model?: string | undefined;
  /** many models of one folder */
  models?: { folder: string; memoryBytes: number } | undefined;
  /** file of tokens; undefined: everybody may ask */
  tokenFile?: string | undefined;
  /** file that observed events are kept in */
  journal?: string | undefined;
  /** verdict "suspicious" from this anomaly on; default: the model's own rule */
  threshold?: number | undefined;
  /** of one request's body */
  maxBodyBytes: number;
  /** requests that are answered at once */
  maxConcurrent: number;
  timeoutSeconds: number;
  /** of the crew */
  threads: number;
}

/** All bodies together may be as large as so many of the largest. */
const BODIES_AT_ONCE = 16;

/** What the routes of a server share: models, limits, counters. */
export class Serving {
  readonly options: ServingOptions;
  readonly crew: ScoringCrew;
  readonly connections = new Connections();
  readonly bodies: Bodies;
  readonly metrics: ServerMetrics;
  readonly shelf: ModelShelf | undefined;
  /** requests being answered */
  inFlight = 0;
  #tokens: Tokens | undefined;
  #main: ServedModel | undefined;
  #journal: Journal | undefined;
  #reloading: Promise<ServedModel> | undefined;
  /** told while a model is being loaded, which does not know them */
  #meanwhile: Observation[] | undefined;

  /** @throws InputError where the tokens or the journal cannot be read */
  constructor(options: ServingOptions, crew: ScoringCrew) {
    this.options = options;
    this.crew = crew;
    this.#tokens = options.tokenFile === undefined ? undefined : Tokens.read(options.tokenFile);
    this.#journal = options.journal === undefined ? undefined : new Journal(options.journal);
    this.bodies = new Bodies(options.maxBodyBytes, options.maxBodyBytes * BODIES_AT_ONCE);
    this.shelf =
      options.models && new ModelShelf(options.models.folder, options.models.memoryBytes, this.crew);
    crew.onCounted = (tally) => this.metrics.scored(tally);
    this.metrics = new ServerMetrics({
      inFlight: () => this.inFlight,
      bodyBytes: () => this.bodies.heldBytes,
      modelsLoaded: () => (this.#main ? 1 : 0) + (this.shelf?.size ?? 0),
      modelAgeSeconds: () => {
        const lastTime = this.#main?.model.card.data.lastTime ?? null;
        return lastTime === null ? undefined : Date.now() / 1000 - lastTime;
      },
    });
  }

  /** Takes the model, of which the bytes are being read. @throws InputError where they or the journal are missing or damaged */
  async load(reading: Promise<SharedModel>): Promise<void> {
    this.#main = await this.#withJournal(await openAtStart(await reading, this.crew));
  }

  end(): void {
    this.#journal?.close();
  }

  /** The model of the server. @throws RequestError 404 where it has only those of a folder */
  get main(): ServedModel {
    if (this.#main) return this.#main;
    throw new RequestError(404, 'this server has models by name only: POST /models/NAME/invoke.');
  }

  get hasMain(): boolean {
    return this.#main !== undefined;
  }

  get keepsJournal(): boolean {
    return this.#journal !== undefined;
  }

  admits(authorization: string | undefined): boolean {
    return this.#tokens?.admits(authorization) ?? true;
  }

  /** @throws RequestError 429 where as many are being answered as may */
  requireRoom(): void {
    if (this.inFlight < this.options.maxConcurrent) return;
    throw new RequestError(429, `too many requests at once (${this.inFlight}). Try again in a second.`);
  }

  /**
   * Reads the model file and the tokens again. Requests go on with the old model until the new one is there; where the file
   * is damaged or gone the old one stays.
   * @throws RequestError 422 where it does
   */
  reload(): Promise<ServedModel> {
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = undefined;
      this.#meanwhile = undefined;
    });
    return this.#reloading;
  }

  async #reload(): Promise<ServedModel> {
    const old = this.main;
    const { model: path, tokenFile } = this.options;
    try {
      if (tokenFile !== undefined) this.#tokens = Tokens.read(tokenFile);
      this.#meanwhile = [];
      const loaded = await loadMeanwhile(path!, this.crew);
      // What the journal has by now is replayed; what comes while it is read is learned after it.
      if (this.#journal) this.#meanwhile = [];
      await this.#withJournal(loaded);
      for (const one of this.#meanwhile) this.#teach(loaded, one);
      this.#main = loaded;
    } catch (error) {
      this.metrics.reloaded('refused');
      if (!(error instanceof InputError)) throw error;
      throw new RequestError(422, `${error.message} The model that was loaded before stays in use.`);
    }
    this.crew.close(old.number);
    this.metrics.reloaded('loaded');
    return this.#main;
  }

  /** The model, told of the events that the journal keeps and it does not know: those later than its last one. */
  async #withJournal(served: ServedModel): Promise<ServedModel> {
    const lastTime = served.model.card.data.lastTime ?? Number.NEGATIVE_INFINITY;
    try {
      await this.#journal?.replay((hash, words, time) => {
        if (time > lastTime) this.#add(served, hash, words, time);
      });
    } catch (error) {
      this.crew.close(served.number);
      throw error;
    }
    return served;
  }

  /**
   * Tells the model of events, after they are kept.
   * @throws RequestError 507 where they cannot be kept; then the model has not learned them
   */
  observe(observations: Observation[]): void {
    const { main } = this;
    try {
      this.#journal?.append(observations);
    } catch (error) {
      throw new RequestError(
        507,
        `the events cannot be kept, and were not learned: ${(error as Error).message}`,
      );
    }
    for (const one of observations) this.#teach(main, one);
    this.#meanwhile?.push(...observations);
    this.metrics.observed(observations.length);
  }

  #teach(served: ServedModel, { entity, words, time }: Observation): void {
    this.#add(served, hashEntity(entity), words, time);
  }

  #add({ model, number }: ServedModel, hash: Uint32Array, words: AddressWords, time: number): void {
    model.add(hash[0], hash[1], words, 0, time);
    this.crew.observe(number, hash, words, time);
  }
}
