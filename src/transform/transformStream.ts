import { ScoringCrew } from '../inference/crew.ts';
import { answerInput } from './answerInput.ts';
import type { TransformOptions } from './options.ts';
import { Output } from './output.ts';

export interface StreamSettings {
  /** path of a model file */
  model: string;
  options: TransformOptions;
  threads: number;
  write(bytes: Uint8Array): Promise<void>;
  /** bytes of standard input were read */
  read(bytes: number): void;
}

/**
 * Answers the records of standard input as they come; what is written cannot be taken back where a bad one follows.
 * @throws InputError where the model cannot be read; FileFailure where a record is none and `onBadRecord` is `error`
 */
export async function transformStream(settings: StreamSettings): Promise<{ records: number; bad: number }> {
  const { model, options, threads, write, read } = settings;
  const crew = new ScoringCrew(threads);
  try {
    const { number } = await crew.load(model, model);
    const output = new Output(write, options.gzip, true);
    let [records, bad] = [0, 0];
    await answerInput(
      { crew, number },
      '-',
      options,
      { inputBytes: 0, lines: 0, records, bad },
      {
        write: (bytes) => output.write(bytes),
        reached: (progress) => {
          ({ records, bad } = progress);
        },
        read,
      },
    );
    await output.finish();
    return { records, bad };
  } finally {
    await crew.end();
  }
}
