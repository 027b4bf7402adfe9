/**
 * Does the same for all of a list, two at a time, as there may be few processors; the next begins where one
 * has ended.
 * Tests only; not part of the package.
 */
export async function inPairs<T>(items: T[], run: (item: T, i: number) => Promise<void>): Promise<void> {
  const rest = items.entries();
  const some = async () => {
    for (const [i, item] of rest) await run(item, i);
  };
  await Promise.all([some(), some()]);
}
