import { styleText } from 'node:util';
import Table from 'cli-table3';
import { Command } from 'commander';
import { explainBadAddress, parseAddress } from '../addresses/address.ts';
import { InputError, quoted } from '../errors.ts';
import { hashEntity } from '../events/entityHash.ts';
import { explanationObject } from '../inference/explanation.ts';
import { type Explanation, explain, type LadderStep } from '../model/explanation.ts';
import type { Verdict } from '../model/model.ts';
import { loadModel } from '../model/savedModel.ts';

/** `ip-insights explain`: the ladder of one event, drawn. */
export function explainCommand(): Command {
  return new Command('explain')
    .description(
      'Take one score apart: the ladder of networks around an address, and why the score is what it is.',
    )
    .argument('<model>', 'a model that `train` wrote')
    .argument('<entity>', 'account, host, key: as in the events')
    .argument('<address>', 'IPv4 or IPv6 address')
    .option('--json', 'one JSON object instead of a drawing')
    .action((path: string, entity: string, address: string, flags: { json?: boolean }) => {
      const words = parseAddress(address);
      if (!words) {
        throw new InputError(
          `explain: expected an IP address, got ${quoted(address)}: ${explainBadAddress(address)}.`,
        );
      }
      if (entity === '') throw new InputError('explain: expected an entity, got "".');
      const explanation = explain(loadModel(path), entity, hashEntity(entity), words);
      process.stdout.write(
        flags.json ? `${JSON.stringify(explanationObject(explanation))}\n` : drawing(explanation),
      );
    });
}

const COLOURS: Record<Verdict, 'green' | 'red' | 'yellow'> = {
  ok: 'green',
  suspicious: 'red',
  unknown: 'yellow',
};

function drawing(explanation: Explanation): string {
  const { entity, address, verdict, anomaly, pValue, threshold, dotProduct, logRatio, terms, reasons } =
    explanation;
  const table = new Table({
    head: ['network', 'account', 'share', 'others', 'ratio', 'weight', 'part of the likelihood'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  });
  for (const step of explanation.steps) table.push(row(step));
  const p =
    pValue === null ? 'no p-value: too few honest events like it are known' : `p-value ${percent(pValue)}`;
  const from = threshold === null ? 'the model has no threshold' : `suspicious from ${nats(threshold)} on`;
  return [
    `${styleText('bold', entity)} from ${styleText('bold', address)}: ${styleText(COLOURS[verdict], verdict)}, anomaly ${nats(anomaly)} (${from}; ${p})`,
    '',
    table.toString(),
    `anomaly = −(${nats(terms.intercept)} constant, ${signed(terms.history)} history: ln of the likelihood ratio, ${nats(logRatio)}, times its trust; ${signed(terms.vectors)} vectors: dot product ${nats(dotProduct)} times theirs) = ${nats(anomaly)}`,
    '',
    ...reasons.map(({ code, sentence }) => `${styleText('dim', code.padEnd(23))} ${sentence}`),
    '',
  ].join('\n');
}

const BAR = 24;

function row({ network, ownPlaces, ownShare, background, ratio, weight, share }: LadderStep): string[] {
  const filled = Math.round(share * BAR);
  return [
    network,
    ownPlaces === null ? '–' : String(Number(ownPlaces.toFixed(2))),
    ownShare === null ? '–' : percent(ownShare),
    background === null ? '–' : percent(background),
    ratio >= 1000 || (ratio > 0 && ratio < 0.01) ? ratio.toExponential(1) : ratio.toFixed(2),
    percent(weight),
    `${'█'.repeat(filled)}${'·'.repeat(BAR - filled)} ${percent(share)}`,
  ];
}

function percent(share: number): string {
  const value = share * 100;
  if (value === 0 || value === 100) return `${value} %`;
  return value < 0.001 ? '< 0.001 %' : `${Number(value.toPrecision(2))} %`;
}

const nats = (value: number) => value.toFixed(3).replace('-', '−');
const signed = (value: number) => (value < 0 ? nats(value) : `+${nats(value)}`);
