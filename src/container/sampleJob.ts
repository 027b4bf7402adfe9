/** Jobs as SageMaker lays them out, run by the image's entry point in a process of its own. Tests only; not part of the package. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const MAIN = join(import.meta.dirname, 'main.js');

export interface SampleJob {
  /** a text is written as it is; undefined: no such file */
  hyperparameters?: Record<string, unknown> | string;
  inputDataConfig?: Record<string, unknown>;
  resourceConfig?: Record<string, unknown>;
  /** by their path below `input/data` */
  data: Record<string, string | Uint8Array>;
}

export const QUICK = {
  vector_dim: '8',
  epochs: '2',
  mini_batch_size: '100',
  learning_rate: '0.02',
  batch_metrics_publish_interval: '2',
};

/** A channel as SageMaker describes it. */
export const CSV_CHANNEL = {
  ContentType: 'text/csv',
  TrainingInputMode: 'File',
  S3DistributionType: 'FullyReplicated',
  RecordWrapperType: 'None',
};

export const ONE_HOST = { current_host: 'algo-1', hosts: ['algo-1'], network_interface_name: 'eth0' };

/** Writes the input of a job into a folder that stands for /opt/ml. */
export function layOut(
  folder: string,
  { hyperparameters, inputDataConfig, resourceConfig, data }: SampleJob,
): void {
  const write = (name: string, content: string | Uint8Array) => {
    const path = join(folder, 'input', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  };
  const config = { hyperparameters, inputdataconfig: inputDataConfig, resourceconfig: resourceConfig };
  for (const [name, value] of Object.entries(config)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    if (text !== undefined) write(`config/${name}.json`, text);
  }
  for (const [name, content] of Object.entries(data)) write(`data/${name}`, content);
}

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** The end of a process, and what it said. */
export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text) => {
      said[name] += text;
    });
  }
  const [status] = await once(child, 'close');
  return { status, ...said };
}

/** `train` over a folder that stands for /opt/ml. */
export const startTraining = (folder: string): ChildProcess =>
  spawn(process.execPath, [MAIN, 'train'], {
    env: { ...process.env, IP_INSIGHTS_OPT_ML: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

export const train = (folder: string): Promise<Outcome> => outcomeOf(startTraining(folder));

/** Until a process has said something on stdout or stderr. */
export const heard = (child: ChildProcess, words: RegExp): Promise<void> =>
  new Promise((resolve) => {
    for (const stream of [child.stdout!, child.stderr!]) {
      let text = '';
      stream.on('data', (more) => {
        text += more;
        if (words.test(text)) resolve();
      });
    }
  });

export const readText = (...path: string[]): string => readFileSync(join(...path), 'utf8');

/** All names in a folder, hidden ones too; none where there is no folder. */
export function namesIn(...path: string[]): string[] {
  try {
    return readdirSync(join(...path)).sort();
  } catch {
    return [];
  }
}
