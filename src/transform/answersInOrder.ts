import type { StreamedAnswer } from '../inference/crew.ts';

/**
 * Has many blocks answered at once, and gives the answers in the order of the blocks. What goes wrong with a block, or with
 * reading the next one, is told when all before it were given.
 * @param ask      has a block answered
 * @param inFlight how many are being answered at most: so many are in memory
 */
export async function* answersInOrder<Block>(
  blocks: AsyncIterator<Block>,
  ask: (block: Block) => Promise<StreamedAnswer>,
  inFlight: number,
): AsyncGenerator<{ block: Block; answer: StreamedAnswer }> {
  const asked: { block: Block; answer: Promise<StreamedAnswer> }[] = [];
  let failure: unknown;
  let isOver = false;
  try {
    for (;;) {
      while (!isOver && asked.length < inFlight) {
        try {
          const next = await blocks.next();
          if (next.done) {
            isOver = true;
            break;
          }
          const answer = ask(next.value);
          // Who comes first in the order hears of it below.
          answer.catch(() => {});
          asked.push({ block: next.value, answer });
        } catch (error) {
          failure = error;
          isOver = true;
        }
      }
      const first = asked.shift();
      if (!first) break;
      yield { block: first.block, answer: await first.answer };
    }
    if (failure !== undefined) throw failure;
  } finally {
    // A thread that died while nobody was waiting for it: whoever asks it next is told.
    for (const { answer } of asked)
      answer.then(
        ({ end }) => end(),
        () => {},
      );
    await blocks.return?.();
  }
}
