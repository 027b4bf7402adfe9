import { Command, Option } from 'commander';
import { quoted, UsageError } from '../errors.ts';
import { defaultCrewSize } from '../inference/crew.ts';
import { type ConsoleFlags, deskOptions, withConsoleOptions } from './consoleOptions.ts';
import { integerOption, numberOption } from './options.ts';
import { tellOfPlainKernels } from './progress.ts';

interface ServeFlags extends ConsoleFlags {
  shards?: string;
  port: string;
  host: string;
  tokenFile?: string;
  journal?: string;
  threshold?: string;
  models?: string;
  modelsMemory: string;
  maxBody: string;
  maxConcurrent: string;
  timeout: string;
  threads?: string;
  logLevel: string;
  logRequests?: boolean;
  console?: boolean;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** An option that an environment variable can set too, as in containers: `--max-body` is IP_INSIGHTS_MAX_BODY. */
function setting(flags: string, meaning: string, byDefault?: string): Option {
  const option = new Option(flags, meaning);
  if (byDefault !== undefined) option.default(byDefault);
  const variable = `IP_INSIGHTS_${option.name().replaceAll('-', '_').toUpperCase()}`;
  const value = process.env[variable];
  // An empty one is what is left where somebody sets nothing; commander would take any text for "yes".
  const isNone = value === '' || (option.isBoolean() && /^(0|false|no|off)$/i.test(value ?? ''));
  return isNone ? option : option.env(variable);
}

/** `1,3` or `1-2` → numbers, ascending. @throws UsageError */
function shardList(text: string): number[] {
  const shards = new Set<number>();
  for (const part of text.split(',')) {
    const [, first, last] = /^ *(\d{1,4})(?:-(\d{1,4}))? *$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last ?? first)];
    if (!(from >= 1 && from <= to)) {
      throw new UsageError(`--shards: expected numbers from 1 such as 1,3 or 1-2, got ${quoted(text)}.`);
    }
    for (let shard = from; shard <= to; shard++) shards.add(shard);
  }
  return [...shards].sort((a, b) => a - b);
}

/** `ip-insights serve`: a model → an HTTP service. */
export function serveCommand(): Command {
  const command = new Command('serve')
    .description("Answer over HTTP: Amazon SageMaker's formats, and scores with reasons.")
    .argument('[model]', 'a model that `train` wrote; may be left out with --models')
    .addOption(
      setting(
        '--shards <list>',
        'of a model in shards only some, such as 1,3 or 1-2: for accounts of others the answer is 421',
      ),
    )
    .addOption(setting('--port <n>', 'port; 0 for any that is free', '8080'))
    .addOption(
      setting('--host <address>', 'address to listen on; 0.0.0.0 for all of this machine', '127.0.0.1'),
    )
    .addOption(
      setting(
        '--token-file <file>',
        'a token a line: requests must show one, as Authorization: Bearer; /ping needs none',
      ),
    )
    .addOption(
      setting(
        '--journal <file>',
        'keep observed events in this CSV file, and learn them again at the next start',
      ),
    )
    .addOption(
      setting(
        '--threshold <anomaly>',
        'verdict "suspicious" at this anomaly and above (default: the model\'s own; `evaluate` proposes others)',
      ),
    )
    .addOption(
      setting('--models <folder>', 'serve the models in a folder too, by name, loaded when first asked for'),
    )
    .addOption(setting('--models-memory <MB>', 'files of models loaded from that folder, together', '4096'))
    .addOption(setting('--max-body <MB>', 'largest request', '8'))
    .addOption(setting('--max-concurrent <n>', 'large requests answered at once; those beyond get 429', '64'))
    .addOption(setting('--timeout <seconds>', 'for a request to arrive, and for its answer to begin', '60'))
    .addOption(
      setting('--threads <n>', 'threads for large requests (default: one for each core but the first)'),
    )
    .addOption(setting('--log-level <level>', LOG_LEVELS.join(', '), 'info'))
    .addOption(setting('--log-requests', 'a line for each request, without its content'))
    .addOption(setting('--console', 'pages for analysts at /console/; the options below are for them'));
  return withConsoleOptions(command).action(async (model: string | undefined, flags: ServeFlags) => {
    if (model === undefined && flags.models === undefined) {
      throw new UsageError('serve: expected a model, or --models with a folder of them, got neither.');
    }
    if (!LOG_LEVELS.includes(flags.logLevel)) {
      throw new UsageError(`--log-level: expected ${LOG_LEVELS.join(', ')}, got ${quoted(flags.logLevel)}.`);
    }
    const isLoopback = /^(localhost|127\..*|::1)$/.test(flags.host);
    if (flags.console && flags.tokenFile === undefined && !isLoopback) {
      throw new UsageError(
        `--console: shows accounts and their addresses, and changes the threshold. Add --token-file, or listen on 127.0.0.1 only (now ${flags.host}).`,
      );
    }
    const megabytes = (option: string, text: string) =>
      Math.round(1e6 * numberOption(option, text, (n) => n > 0 && n <= 1e6, 'megabytes above 0'));
    const shards = flags.shards === undefined ? undefined : shardList(flags.shards);
    if (shards && model === undefined) {
      throw new UsageError('--shards: expected a model in shards to take them of, got --models alone.');
    }
    if (shards && flags.console) {
      throw new UsageError('--console: expected all accounts, got --shards. Start another server without.');
    }
    const options = {
      model,
      shards,
      host: flags.host,
      port: integerOption('--port', flags.port, 0, 65_535),
      tokenFile: flags.tokenFile,
      journal: flags.journal,
      threshold:
        flags.threshold === undefined
          ? undefined
          : numberOption('--threshold', flags.threshold, () => true, 'a number'),
      models:
        flags.models === undefined
          ? undefined
          : { folder: flags.models, memoryBytes: megabytes('--models-memory', flags.modelsMemory) },
      maxBodyBytes: megabytes('--max-body', flags.maxBody),
      maxConcurrent: integerOption('--max-concurrent', flags.maxConcurrent, 1, 1_000_000),
      timeoutSeconds: numberOption(
        '--timeout',
        flags.timeout,
        (n) => n > 0 && n <= 86_400,
        'seconds above 0',
      ),
      threads:
        flags.threads === undefined ? defaultCrewSize() : integerOption('--threads', flags.threads, 1, 64),
      desk: flags.console ? deskOptions(flags) : undefined,
      logLevel: flags.logLevel,
      logRequests: flags.logRequests ?? false,
      log: process.stderr,
      stopSeconds: 25,
    };
    tellOfPlainKernels();
    // Imported here: the other commands need no server, and start sooner without.
    const { runServer } = await import('../serve/runServer.ts');
    await runServer(options);
  });
}
