import type { AddressWords } from '../addresses/address.ts';
import { InputError } from '../errors.ts';
import { hashEntity } from '../events/entityHash.ts';
import type { ScoringCrew } from '../inference/crew.ts';
import { RequestError } from '../inference/requestError.ts';
import type { SharedModel } from '../model/sharedBytes.ts';
import { Bodies } from './bodies.ts';
import { Connections } from './connections.ts';
import { Desk, type DeskOptions } from './console/desk.ts';
import { RecentWitness } from './console/recentWitness.ts';
import { Journal, type Observation } from './journal.ts';
import { ServerMetrics } from './metrics.ts';
import { ModelShelf } from './modelShelf.ts';
import { loadMeanwhile, openAtStart, type ServedModel } from './servedModel.ts';
import { Tokens } from './tokens.ts';

export interface ServingOptions {
  /** model file; undefined: only those of `models` */
  model?: string | undefined;
  /** of a model in shards those that are served, from 1, ascending; undefined: all */
  shards?: readonly number[] | undefined;
  /** many models of one folder */
  models?: { folder: string; memoryBytes: number } | undefined;
  /** file of tokens; undefined: everybody may ask */
  tokenFile?: string | undefined;
  /** the one token, in place of a file */
  token?: string | undefined;
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
  /** the console, if there is one */
  desk?: DeskOptions | undefined;
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
  readonly desk: Desk | undefined;
  /** requests being answered */
  inFlight = 0;
  #tokens: Tokens | undefined;
  #main: ServedModel | undefined;
  #journal: Journal | undefined;
  #reloading: Promise<ServedModel | undefined> | undefined;
  /** told while the journal is read for a new model, which does not know them */
  #meanwhile: Observation[] | undefined;

  /** @throws InputError where the tokens or the journal cannot be read */
  constructor(options: ServingOptions, crew: ScoringCrew) {
    this.options = options;
    this.crew = crew;
    if (options.token !== undefined) this.#tokens = Tokens.of(options.token);
    else if (options.tokenFile !== undefined) this.#tokens = Tokens.read(options.tokenFile);
    this.#journal = options.journal === undefined ? undefined : new Journal(options.journal);
    this.bodies = new Bodies(options.maxBodyBytes, options.maxBodyBytes * BODIES_AT_ONCE);
    this.shelf =
      options.models && new ModelShelf(options.models.folder, options.models.memoryBytes, this.crew);
    this.desk = options.desk && new Desk(options.desk);
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
    this.desk?.end();
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

  get needsToken(): boolean {
    return this.#tokens !== undefined;
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
   * Reads the tokens and the model file again. Requests go on with the old model until the new one is there; where the file
   * is damaged or gone the old one stays. What was observed is learned again, where the new model does not know it.
   * @returns undefined where the server has models by name only
   * @throws RequestError 422 where the old ones stay
   */
  reload(): Promise<ServedModel | undefined> {
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = undefined;
      this.#meanwhile = undefined;
    });
    return this.#reloading;
  }

  async #reload(): Promise<ServedModel | undefined> {
    const { model: path, shards, tokenFile } = this.options;
    const old = this.#main;
    try {
      if (tokenFile !== undefined) this.#tokens = Tokens.read(tokenFile);
      if (!old || path === undefined) return undefined;
      const loaded = await loadMeanwhile(path, this.crew, shards);
      if (this.#journal) {
        // What the journal has by now is replayed; what comes while it is read is learned after it.
        this.#meanwhile = [];
        await this.#withJournal(loaded);
        for (const one of this.#meanwhile) this.#teach(loaded, one);
      } else {
        this.crew.eachObserved(old.number, (hash, words, time) => this.#add(loaded, hash, words, time));
      }
      this.#main = loaded;
    } catch (error) {
      this.metrics.reloaded('refused');
      if (!(error instanceof InputError)) throw error;
      throw new RequestError(422, `${error.message} What was loaded before stays in use.`);
    }
    this.crew.close(old.number);
    this.metrics.reloaded('loaded');
    return this.#main;
  }

  /** The model, told of the events that the journal keeps. */
  async #withJournal(served: ServedModel): Promise<ServedModel> {
    try {
      await this.#journal?.replay((hash, words, time) => {
        // What the model knows already may be of accounts that have moved to another shard since.
        if (isLater(served, time)) requireOwnJournal(served, hash, this.#journal!.path);
        this.#add(served, hash, words, time);
      });
    } catch (error) {
      this.crew.close(served.number);
      throw error;
    }
    return served;
  }

  /**
   * Tells the model of events, after they are kept. Those not later than the last one of its file it is taken to know, now and
   * at every later start, as `update` has it.
   * @returns how many it has learned
   * @throws RequestError 507 where they cannot be kept; then the model has not learned them
   */
  observe(observations: Observation[]): number {
    const { main } = this;
    const later = observations.filter(({ time }) => isLater(main, time));
    try {
      this.#journal?.append(later);
    } catch (error) {
      throw new RequestError(
        507,
        `the events cannot be kept, and were not learned: ${(error as Error).message}`,
      );
    }
    for (const one of later) this.#teach(main, one);
    this.#meanwhile?.push(...later);
    this.metrics.observed(later.length);
    return later.length;
  }

  /** Whether there is a model that does not know an event, and would learn it. */
  wouldLearn({ entity, words, time }: Observation): boolean {
    const served = this.#main;
    if (!served || !isLater(served, time)) return false;
    return !this.crew.hasObserved(served.number, hashEntity(entity), words, time);
  }

  /**
   * Takes back that an event was observed: it leaves what is kept, and the model is loaded again without it.
   * @returns whether it had been observed
   * @throws RequestError 422 or 507 where it cannot; then it stays
   */
  async forget(one: Observation): Promise<boolean> {
    await this.#reloading?.catch(() => {});
    const putBack = await this.#takeOut(one);
    if (!putBack) return false;
    // One that began meanwhile may have read it before it was taken out.
    await this.#reloading?.catch(() => {});
    try {
      await this.reload();
    } catch (error) {
      putBack();
      throw error;
    }
    return true;
  }

  async #takeOut(one: Observation): Promise<(() => void) | undefined> {
    const journal = this.#journal;
    if (!journal) return this.crew.forget(this.main.number, hashEntity(one.entity), one.words, one.time);
    try {
      return (await journal.remove(one)) ? () => journal.append([one]) : undefined;
    } catch (error) {
      throw new RequestError(507, `the event cannot be taken back: ${(error as Error).message}`);
    }
  }

  /** Keeps what a request is answered, for the console; undefined where nobody can look at it. */
  witness(served: ServedModel): RecentWitness | undefined {
    const recent = this.desk?.recent;
    return recent && served === this.#main ? new RecentWitness(recent) : undefined;
  }

  #teach(served: ServedModel, { entity, words, time }: Observation): void {
    this.#add(served, hashEntity(entity), words, time);
  }

  #add(served: ServedModel, hash: Uint32Array, words: AddressWords, time: number): void {
    if (!isLater(served, time)) return;
    served.model.add(hash[0], hash[1], words, 0, time);
    this.crew.observe(served.number, hash, words, time);
  }
}

/** A journal that another server has kept. @throws InputError where it has an event of an account that is not here */
function requireOwnJournal({ model: { held } }: ServedModel, [low, high]: Uint32Array, path: string): void {
  if (!held) return;
  const shard = held.shardOf(low, high);
  if (held.holds(shard)) return;
  throw new InputError(
    `${path}: expected events of accounts in shards ${held.shards.join(', ')}, got one of shard ${shard}. Each server needs a journal of its own, and a model whose accounts are in the shards where they were: name another journal, or train with the same --num-entity-vectors.`,
  );
}

/** Whether an event came after all those that the model's file knows. */
const isLater = ({ lastTime }: ServedModel, time: number) => time > lastTime;
