import type { FastifyInstance } from 'fastify';
import { InputError, quoted } from '../errors.ts';
import { leaveSignals } from '../files/atomicFile.ts';
import { ScoringCrew } from '../inference/crew.ts';
import { readSharedModelMeanwhile } from '../model/sharedBytes.ts';
import type { ServerOptions } from './server.ts';
import type { Serving, ServingOptions } from './serving.ts';

export interface RunOptions extends ServingOptions, ServerOptions {
  host: string;
  port: number;
  /** SageMaker kills after 30 */
  stopSeconds: number;
  /** told of the address, once requests are answered */
  onListening?: (url: string) => void;
}

/** How often connections on which nothing is asked are closed while the last requests are answered. */
const UNUSED_CHECK_MILLISECONDS = 50;
/** What was sent before the end may still be on its way for so long. */
const LAST_REQUESTS_MILLISECONDS = 500;

/**
 * Serves until SIGTERM or SIGINT, then answers what was asked before. SIGHUP reloads the model.
 * @throws InputError where a file is missing or damaged, or the port is taken
 */
export async function runServer(options: RunOptions): Promise<void> {
  leaveSignals();
  let stopBy: (signal: string) => void = () => {};
  const stopping = new Promise<string>((resolve) => {
    stopBy = resolve;
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stopBy);
  // While the model is read for the first time there is nothing to reload.
  let reload = () => {};
  const hangUp = () => reload();
  process.on('SIGHUP', hangUp);
  const crew = new ScoringCrew(options.threads);
  try {
    await serve(options, crew, stopping, (act) => {
      reload = act;
    });
  } finally {
    await crew.end();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.removeListener(signal, stopBy);
    process.removeListener('SIGHUP', hangUp);
  }
}

async function serve(
  options: RunOptions,
  crew: ScoringCrew,
  stopping: Promise<string>,
  onHangUp: (reload: () => void) => void,
): Promise<void> {
  const started = performance.now();
  // While other threads start and read the model, this one compiles the rest of the server.
  const { model, shards } = options;
  const reading = model === undefined ? undefined : readSharedModelMeanwhile(model, crew.sharers, shards);
  reading?.catch(() => {});
  const [{ Serving }, { createServer }] = await Promise.all([import('./serving.ts'), import('./server.ts')]);
  const serving = new Serving(options, crew);
  try {
    const app = await createServer(serving, options);
    if (reading) await serving.load(reading);
    onHangUp(() => reloadAndTell(serving, app));
    const url = await listen(app, options);
    const milliseconds = Math.round(performance.now() - started);
    app.log.info({ url, milliseconds, ...whatIsServed(serving) }, 'listening');
    serving.metrics.open();
    options.onListening?.(url);
    const signal = await stopping;
    app.log.info({ signal, inFlight: serving.inFlight }, 'stopping: what was asked before is answered');
    await close(app, serving, options.stopSeconds);
    app.log.info('stopped');
  } finally {
    serving.end();
  }
}

async function listen(app: FastifyInstance, { host, port }: RunOptions): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new InputError(
        `--port: ${port} is taken on ${host}. Stop what listens there, or choose another port.`,
      );
    }
    if (code === 'EACCES') {
      throw new InputError(`--port: no permission for port ${port}. Choose one above 1023.`);
    }
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
      throw new InputError(`--host: expected an address of this machine, got ${quoted(host)} (${message}).`);
    }
    throw error;
  }
}

/** Ends once all is answered, or the time is over. */
async function close(app: FastifyInstance, { connections }: Serving, seconds: number): Promise<void> {
  const started = performance.now();
  // A connection that is kept alive would be waited for once its last request is answered, one without a request for ever.
  const unused = setInterval(() => {
    if (performance.now() - started < LAST_REQUESTS_MILLISECONDS) app.server.closeIdleConnections();
    else connections.endUnused();
  }, UNUSED_CHECK_MILLISECONDS);
  const limit = setTimeout(() => {
    app.log.warn({ seconds }, 'some requests were not answered in time');
    app.server.closeAllConnections();
  }, seconds * 1000);
  await app.close();
  clearInterval(unused);
  clearTimeout(limit);
}

async function reloadAndTell(serving: Serving, app: FastifyInstance): Promise<void> {
  try {
    await serving.reload();
    app.log.info(whatIsServed(serving), 'reloaded');
  } catch (error) {
    app.log.error({ reason: (error as Error).message }, 'not reloaded');
  }
}

/** For the log: what is known of the model. */
function whatIsServed(serving: Serving): Record<string, unknown> {
  if (serving.options.model === undefined) return { models: serving.options.models?.folder };
  const { data } = serving.main.model.card;
  const { shards } = serving.options;
  return {
    model: serving.options.model,
    ...(shards && { shards }),
    events: data.events,
    entities: data.entities,
    eventsAdded: data.eventsAdded,
  };
}
