#!/usr/bin/env node
/**
 * The entry point of the container image. SageMaker starts it with `train` or `serve` and nothing else; whatever else stands
 * there is the ordinary command line, so that one image does all. Each way is imported when it is taken: hosting must be up in
 * seconds.
 */
import { InputError } from '../errors.ts';

const args = process.argv.slice(2);
if (args.length === 1 && args[0] === 'train') {
  const { trainContainer } = await import('./train.ts');
  process.exitCode = await trainContainer();
} else if (args.length === 1 && args[0] === 'serve') {
  await serve();
} else {
  await import('../cli/main.ts');
}

async function serve(): Promise<void> {
  const { hostingArguments } = await import('./serve.ts');
  try {
    process.argv.splice(2, 1, ...hostingArguments(process.env));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    process.stderr.write(`ip-insights: ${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  await import('../cli/main.ts');
}
