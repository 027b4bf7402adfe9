// Parts a day's logins: honest.csv is for `ip-insights update`, flagged.txt for a person.
//   node sift.mjs DAY FOLDER CONFIRMED     FOLDER has logins.csv and, of the same logins, scores.jsonl
import {
  closeSync,
  createReadStream,
  existsSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

const [day, folder, confirmedPath] = process.argv.slice(2);

/** Lines end at line feeds alone: names may hold what else Unicode calls a line's end. */
async function* lines(path) {
  let rest = '';
  for await (const piece of createReadStream(path, 'utf8')) {
    const whole = (rest + piece).split('\n');
    rest = whole.pop();
    yield* whole;
  }
  if (rest !== '') yield rest;
}

/** Records of a CSV file: one whose quotes are still open goes on in the next line. */
async function* records(path) {
  let record;
  for await (const line of lines(path)) {
    record = record === undefined ? line : `${record}\n${line}`;
    if ((record.match(/"/g)?.length ?? 0) % 2 === 0) {
      yield record;
      record = undefined;
    }
  }
}

// `account,address` as `prepare` writes them; a journal of `serve` has a time besides.
const confirmed = new Set(
  existsSync(confirmedPath)
    ? readFileSync(confirmedPath, 'utf8')
        .split('\n')
        .map((line) => line.trim().replace(/,\d{4}-\d\d-\d\dT[^,"]*$/, ''))
    : [],
);

/** Logins that are not learned, by account and address: a person reads each pair once. */
const flagged = new Map();
const counts = { all: 0, confirmed: 0, suspicious: 0, unknown: 0 };
const honest = openSync(`${folder}/honest.csv`, 'w');
const scores = lines(`${folder}/scores.jsonl`);
for await (const record of records(`${folder}/logins.csv`)) {
  const { value: line, done } = await scores.next();
  if (done) throw new Error(`${folder}/scores.jsonl: has fewer lines than there are logins`);
  const score = JSON.parse(line);
  const comma = record.lastIndexOf(',');
  const [pair, time] = [record.slice(0, comma), record.slice(comma + 1)];
  counts.all++;
  if (score.verdict === 'ok' || confirmed.has(pair)) {
    if (score.verdict !== 'ok') counts.confirmed++;
    writeSync(honest, `${record}\n`);
    continue;
  }
  counts[score.verdict]++;
  const known = flagged.get(pair);
  if (known) known.times.push(time);
  else flagged.set(pair, { ...score, times: [time] });
}
if (!(await scores.next()).done)
  throw new Error(`${folder}/scores.jsonl: has more lines than there are logins`);
closeSync(honest);

/** Names come from outside: what moves a terminal's cursor or turns text round is shown as its number. */
const shown = (text) =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);

/** Suspicious before unknown, then the strangest first. */
const order = ([, a], [, b]) => a.verdict.localeCompare(b.verdict) || b.anomaly - a.anomaly;
const entries = [...flagged].sort(order).map(([pair, { verdict, anomaly, p_value, reasons, times }]) => {
  times.sort();
  const more = times.length > 1 ? `, ${times.length} times up to ${times.at(-1)}` : '';
  const share = p_value === null ? '' : `, p-value ${p_value}`;
  return [
    `${shown(pair)}`,
    `    ${times[0]}${more}`,
    `    ${verdict}, anomaly ${anomaly.toFixed(2)}${share}`,
    ...reasons.map(({ sentence }) => `    - ${shown(sentence)}`),
  ].join('\n');
});
const { all, suspicious, unknown } = counts;
const learned = all - suspicious - unknown;
const summary = [
  `Logins of ${day}: ${all}. Learned: ${learned}, ${counts.confirmed} of them as confirmed.`,
  `Not learned: ${suspicious} suspicious, ${unknown} of which nothing can be said. The strangest come first.`,
  'What was honest: copy its account,address to confirmed.csv, and run the day again to have it learned.',
];
writeFileSync(`${folder}/flagged.txt`, `${[summary.join('\n'), ...entries].join('\n\n')}\n`);
