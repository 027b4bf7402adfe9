/*
 * How the hosts of a job find each other, and stay in touch: each of the others has a connection to the first host, over which lines
 * of JSON travel, from when they meet to when the job is over.
 *
 *   other → first   introduction: its name, all hosts, version, user, and the public key that its sshd answers with
 *   first → other   welcome: the public key that the first host comes with
 *   other → first   ready: its sshd listens
 *   other → first   stop: somebody has told this host to stop
 *   other → first   failed: it cannot take part, and why
 *   first → other   outcome: the job is over
 *
 * No secret travels. A connection that ends before the outcome is a host that is gone.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { InputError } from '../errors.ts';
import type { JobHosts } from './jobHosts.ts';

const PORT = 2223;
const RETRY_MILLISECONDS = 500;
const CONNECT_MILLISECONDS = 5000;
/** A computer that has vanished is noticed about a minute later: after this, and Linux' nine probes where the rest is its default. */
const KEEP_ALIVE_MILLISECONDS = 30_000;
/** Longest line, in characters: 100 names of 253, and then some. */
const LINE_LIMIT = 1 << 17;

/** What a host tells of itself. */
export interface Introduction {
  host: string;
  hosts: string[];
  version: string;
  /** whom ssh is to log in as */
  user: string;
  /** of its sshd: a line of known_hosts without the name */
  hostKey: string;
}

/** How a job ended. */
export interface Outcome {
  /** exit code of every host */
  status: number;
  /** why it failed */
  failure?: string;
}

type Message =
  | { kind: 'introduction'; introduction: Introduction }
  | { kind: 'welcome'; publicKey: string }
  | { kind: 'ready' }
  | { kind: 'stop'; signal: string }
  | { kind: 'failed'; failure: string }
  | { kind: 'outcome'; outcome: Outcome };

/** Messages over a connection. */
class Line {
  readonly socket: Socket;

  /** @param hear   of each message that came whole; what is no message ends the connection */
  constructor(socket: Socket, hear: (message: Message) => void) {
    this.socket = socket;
    socket.setKeepAlive(true, KEEP_ALIVE_MILLISECONDS);
    socket.setNoDelay(true);
    let text = '';
    socket.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      const lines = text.split('\n');
      text = lines.pop()!;
      try {
        if (text.length > LINE_LIMIT) throw new Error('a line without end');
        for (const line of lines) hear(JSON.parse(line));
      } catch {
        socket.destroy();
      }
    });
    // The end of the connection says it.
    socket.on('error', () => {});
  }

  say(message: Message): void {
    if (this.socket.writable) this.socket.write(`${JSON.stringify(message)}\n`);
  }
}

/** One of the other hosts, as the first one knows it. */
interface Other {
  introduction: Introduction;
  line: Line;
  /** of this host, as it is seen here */
  address: string;
  isReady: boolean;
}

/** What the first host hears while the job runs. */
export interface OthersHooks {
  onStop(host: string, signal: string): void;
  /** a host is gone, or cannot go on: why the job fails */
  onFailure(failure: string): void;
}

/** The other hosts, at the first one. */
export class OtherHosts {
  readonly #hosts: JobHosts;
  readonly #version: string;
  readonly #publicKey: string;
  readonly #hooks: OthersHooks;
  readonly #others = new Map<string, Other>();
  #isOver = false;
  #check = () => {};
  readonly #server = createServer((socket) => this.#welcome(socket));

  constructor(hosts: JobHosts, version: string, publicKey: string, hooks: OthersHooks) {
    this.#hosts = hosts;
    this.#version = version;
    this.#publicKey = publicKey;
    this.#hooks = hooks;
  }

  /** Waits until all others are ready; may be left waiting where something fails, which the hooks tell. */
  async meet(address: string, limitSeconds: number): Promise<void> {
    this.#server.listen(PORT, address);
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      throw new InputError(
        `${this.#hosts.current}: cannot listen on port ${PORT} of ${address}, where the other hosts come to: ${(error as Error).message}. Free the port.`,
      );
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#fail(this.#lateText(limitSeconds)), limitSeconds * 1000);
      // Where the job has failed before, nothing is left to wait for.
      timer.unref();
      this.#check = () => {
        if (this.#missing().length > 0) return;
        clearTimeout(timer);
        this.#server.close();
        resolve();
      };
    });
  }

  /** @returns name, user, address and key of each */
  get introductions(): { introduction: Introduction; address: string }[] {
    return [...this.#others.values()];
  }

  /** Tells all that the job is over, and waits until they have gone. */
  async end(outcome: Outcome): Promise<void> {
    this.#isOver = true;
    this.#server.close();
    const lines = [...this.#others.values()].map(({ line }) => line);
    for (const line of lines) line.say({ kind: 'outcome', outcome });
    const gone = lines.map(({ socket }) => (socket.closed ? undefined : once(socket, 'close')));
    for (const { socket } of lines) socket.end();
    await Promise.race([Promise.all(gone), sleep(CONNECT_MILLISECONDS, undefined, { ref: false })]);
    for (const { socket } of lines) socket.destroy();
  }

  #missing(): string[] {
    const [, ...others] = this.#hosts.all;
    return others.filter((host) => !this.#others.get(host)?.isReady);
  }

  #lateText(seconds: number): string {
    const missing = this.#missing();
    const silent = missing.filter((host) => !this.#others.has(host));
    const what =
      silent.length > 0
        ? `nothing was heard of ${silent.join(', ')}`
        : `${missing.join(', ')} came, but could not be made ready,`;
    return `${this.#hosts.current}: ${what} within ${seconds} s. Look at the logs of these hosts; all must run the same image and reach ${this.#hosts.current} at port ${PORT}.`;
  }

  #fail(failure: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#hooks.onFailure(failure);
  }

  #welcome(socket: Socket): void {
    let other: Other | undefined;
    const line = new Line(socket, (message) => {
      if (message.kind === 'introduction' && !other) {
        other = this.#introduced(message.introduction, line);
      } else if (other && message.kind === 'ready') {
        other.isReady = true;
        this.#check();
      } else if (other && message.kind === 'stop') {
        this.#hooks.onStop(other.introduction.host, message.signal);
      } else if (other && message.kind === 'failed') {
        this.#fail(`${other.introduction.host}: ${message.failure}`);
      }
    });
    socket.on('close', () => {
      if (!other) return;
      const { current } = this.#hosts;
      this.#fail(
        `${current}: ${other.introduction.host} is gone before the end of the job: its container has ended, or its computer or the network has. Look at its log.`,
      );
    });
  }

  /** @returns undefined where it may not take part: then the job fails, as all hosts have the same right to be believed */
  #introduced(introduction: Introduction, line: Line): Other | undefined {
    const { current, all } = this.#hosts;
    const { host, hosts, version } = introduction;
    const known = this.#others.get(host);
    const address = line.socket.remoteAddress ?? '';
    const other = { introduction, line, address, isReady: false };
    // Whoever is refused hears the outcome, too.
    this.#others.set(known ? `${host} of ${address}` : host, other);
    if (known) {
      this.#fail(
        `resourceconfig.json: expected another current_host on every host, got ${host} on ${known.address} and on ${address}. Start all hosts of the job again.`,
      );
      return undefined;
    }
    if (hosts.join() !== all.join()) {
      this.#fail(
        `resourceconfig.json: expected the same hosts on all of them, got ${all.join(', ')} on ${current} and ${hosts.join(', ')} on ${host}. Start all hosts of the job again.`,
      );
      return undefined;
    }
    if (version !== this.#version) {
      this.#fail(
        `expected the same version of ip-insights on all hosts, got ${this.#version} on ${current} and ${version} on ${host}. Start all hosts with the same image.`,
      );
      return undefined;
    }
    line.say({ kind: 'welcome', publicKey: this.#publicKey });
    return other;
  }
}

/** The first host, as another one knows it. */
export class FirstHost {
  /** the key that the first host comes with */
  readonly publicKey: Promise<string>;
  /** how the job ended; the first host's being gone is a failure */
  readonly outcome: Promise<Outcome>;
  readonly #line: Line;

  constructor(socket: Socket, hosts: JobHosts, introduction: Introduction) {
    const { promise: publicKey, resolve: welcome } = promised<string>();
    const { promise: outcome, resolve: end } = promised<Outcome>();
    this.publicKey = publicKey;
    this.outcome = outcome;
    this.#line = new Line(socket, (message) => {
      if (message.kind === 'welcome') welcome(message.publicKey);
      if (message.kind === 'outcome') end(message.outcome);
    });
    socket.on('close', () => {
      const [first] = hosts.all;
      const failure = `${hosts.current}: ${first}, which conducts the job, is gone before its end: its container has ended, or its computer or the network has. Look at its log.`;
      end({ status: 1, failure });
    });
    this.#line.say({ kind: 'introduction', introduction });
  }

  ready(): void {
    this.#line.say({ kind: 'ready' });
  }

  stop(signal: string): void {
    this.#line.say({ kind: 'stop', signal });
  }

  fail(failure: string): void {
    this.#line.say({ kind: 'failed', failure });
  }

  leave(): void {
    this.#line.socket.end();
  }
}

function promised<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/**
 * Goes to the first host, which may start later, and may have a name only then.
 * @throws InputError where it does not answer within the limit
 */
export async function meetFirst(
  hosts: JobHosts,
  introduction: Introduction,
  limitSeconds: number,
): Promise<FirstHost> {
  const [first] = hosts.all;
  const until = performance.now() + limitSeconds * 1000;
  for (;;) {
    const socket = connect({ host: first, port: PORT });
    try {
      await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_MILLISECONDS) });
      return new FirstHost(socket, hosts, introduction);
    } catch (error) {
      socket.destroy();
      if (performance.now() > until) {
        const { name, message } = error as Error;
        const why = name === 'AbortError' ? 'no answer' : message;
        throw new InputError(
          `${hosts.current}: ${first}, which conducts the job, was not to be reached at port ${PORT} within ${limitSeconds} s (${why}). Look at the log of ${first}; all hosts must run the same image.`,
        );
      }
    }
    await sleep(RETRY_MILLISECONDS);
  }
}
