// The data of the quality scenarios in three parts, each later than the one before: to train on, to choose by, to judge by.
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';

/** Names of the files with training, validation and test events in a scenario's folder; makes them. */
export async function parts(data, folder) {
  if (data !== 'tor-relays') {
    await split(join(folder, 'test.csv'), folder, [
      ['tune.valid.csv', '2018-11-13'],
      ['tune.test.csv', '9'],
    ]);
    return ['train.csv', 'tune.valid.csv', 'tune.test.csv'];
  }
  // The latest 15 % of the training rows: as long a time as that of the test rows.
  await split(join(folder, 'train.csv.gz'), folder, [
    ['tune.train.csv', '2025-12-21T11:10:18Z'],
    ['tune.valid.csv', '9'],
  ]);
  await split(join(folder, 'test.csv.gz'), folder, [['tune.test.csv', '9']], (columns) => columns[3] === '0');
  return ['tune.train.csv', 'tune.valid.csv', 'tune.test.csv'];
}

/** Lines with a time below each border go into its file, in the order of the borders; three columns of them. */
export async function split(from, folder, borders, isWanted = () => true) {
  const files = borders.map(([name, border]) => ({ border, out: createWriteStream(join(folder, name)) }));
  const input = createReadStream(from);
  for await (const line of createInterface({
    input: from.endsWith('.gz') ? input.pipe(createGunzip()) : input,
  })) {
    const columns = line.split(',');
    if (!isWanted(columns)) continue;
    files.find(({ border }) => columns[2] < border).out.write(`${columns.slice(0, 3).join(',')}\n`);
  }
  await Promise.all(files.map(({ out }) => new Promise((resolve) => out.end(resolve))));
}
