#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { InputError, UsageError } from '../errors.ts';
import { cleanUpOnSignals } from '../files/atomicFile.ts';
import { version } from '../version.ts';
import { rankToTell, refuseRanks } from './refuseRanks.ts';

/** What commander has to say of wrong usage: told with the rank that has it. */
let usage = '';

const program = new Command('ip-insights')
  .description(
    "Learns from access logs which networks each account uses, and says how strange a new login's address is.",
  )
  .version(version, '--version', 'print the version')
  .helpOption('--help', 'print this help')
  .showHelpAfterError('(--help says how to use it)')
  .configureOutput({
    writeErr: (text) => {
      usage += text;
    },
  })
  .exitOverride();

/** In the order of the help. */
const COMMANDS: Record<string, () => Promise<() => Command>> = {
  simulate: async () => (await import('./simulate.ts')).simulateCommand,
  prepare: async () => (await import('./prepare.ts')).prepareCommand,
  train: async () => (await import('./train.ts')).trainCommand,
  tune: async () => (await import('./tune.ts')).tuneCommand,
  score: async () => (await import('./score.ts')).scoreCommand,
  explain: async () => (await import('./explain.ts')).explainCommand,
  inspect: async () => (await import('./inspect.ts')).inspectCommand,
  split: async () => (await import('./shards.ts')).splitCommand,
  merge: async () => (await import('./shards.ts')).mergeCommand,
  update: async () => (await import('./update.ts')).updateCommand,
  transform: async () => (await import('./transform.ts')).transformCommand,
  evaluate: async () => (await import('./evaluate.ts')).evaluateCommand,
  serve: async () => (await import('./serve.ts')).serveCommand,
  console: async () => (await import('./console.ts')).consoleCommand,
  demo: async () => (await import('./demo.ts')).demoCommand,
};
// The one that is asked for is enough, and a server starts twice as fast; help and mistakes need all.
const [asked] = process.argv.slice(2);
const names = Object.hasOwn(COMMANDS, asked ?? '') ? [asked] : Object.keys(COMMANDS);
for (const create of await Promise.all(names.map((name) => COMMANDS[name]()))) {
  program.addCommand(create().copyInheritedSettings(program));
}

/** Runs the command line; the exit code is 0 done, 1 failed, 2 wrong usage. */
async function main(argv: string[]): Promise<number> {
  try {
    if (Object.hasOwn(COMMANDS, asked ?? '')) await refuseRanks(asked, argv.slice(3));
    await program.parseAsync(argv);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      process.stderr.write(`${await rankToTell(argv.slice(3))}${usage}`);
      return 2;
    }
    if (error instanceof InputError) {
      // Whoever could not meet the others has said so, and as which rank.
      const rank = error.message.startsWith('rank ') ? '' : await rankToTell(argv.slice(3));
      process.stderr.write(`ip-insights: ${rank}${error.message}\n`);
      return error instanceof UsageError ? 2 : 1;
    }
    process.stderr.write(`ip-insights: unexpected failure, please report it\n${(error as Error).stack}\n`);
    return 1;
  }
}

cleanUpOnSignals();
// A reader of our output that goes away (head, a closed pager) ends the command quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  const why = error.code === 'ENOSPC' ? 'the disk is full' : error.message;
  process.stderr.write(
    `ip-insights: standard output: cannot be written, ${why}. What is there is incomplete.\n`,
  );
  process.exit(1);
});
process.exitCode = await main(process.argv);
