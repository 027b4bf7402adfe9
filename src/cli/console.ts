import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { defaultCrewSize } from '../inference/crew.ts';
import { type ConsoleFlags, deskOptions, withConsoleOptions } from './consoleOptions.ts';
import { integerOption } from './options.ts';
import { tellOfPlainKernels } from './progress.ts';

interface Flags extends ConsoleFlags {
  port: string;
  journal?: string;
  open: boolean;
}

/** `ip-insights console`: a model, and what was scored with it, as pages in a browser. */
export function consoleCommand(): Command {
  const command = new Command('console')
    .description('Look at a model and at scored events in a browser, on this machine only.')
    .argument('<model>', 'a model that `train` wrote')
    .option('--port <n>', 'port on 127.0.0.1; 0 for any that is free', '0')
    .option('--journal <file>', 'keep in this CSV file what the model learns when you say "this was them"')
    .option('--no-open', 'print the address and open no browser');
  return withConsoleOptions(command).action(async (model: string, flags: Flags) => {
    const token = randomBytes(24).toString('base64url');
    const desk = deskOptions(flags);
    const port = integerOption('--port', flags.port, 0, 65_535);
    tellOfPlainKernels();
    const { runServer } = await import('../serve/runServer.ts');
    await runServer({
      model,
      host: '127.0.0.1',
      port,
      token,
      journal: flags.journal,
      desk,
      maxBodyBytes: 8_000_000,
      maxConcurrent: 64,
      timeoutSeconds: 60,
      threads: defaultCrewSize(),
      logLevel: 'warn',
      logRequests: false,
      log: process.stderr,
      stopSeconds: 2,
      // After the sign #, so that it is in no request and no log.
      onListening: (url) => show(`${url}/console/#token=${token}`, flags.open),
    });
  });
}

function show(url: string, opens: boolean): void {
  process.stdout.write(`${url}\n`);
  process.stderr.write('The console is open at this address, for this machine only. Ctrl-C ends it.\n');
  if (opens && process.stderr.isTTY) openBrowser(url);
}

/** Where there is no browser, the printed address is left. */
function openBrowser(url: string): void {
  const command = { darwin: 'open', win32: 'explorer' }[process.platform as string] ?? 'xdg-open';
  const browser = spawn(command, [url], { stdio: 'ignore', detached: true });
  browser.on('error', () => {});
  browser.unref();
}
