// Figures and checks as markdown: rows good for RESULTS.md.
import { fails, figureOf, lawOf, STATUSES, shortly } from './checks.mjs';

const DETECTORS = ['mixture', 'history', 'neural', 'oracle'];

/** A row for each attacker, and for each kind of honest events that a goal names. */
export function figureTable(scenario, { attackers }, checks) {
  const named = (comparison) =>
    comparison.honest_kind === null ||
    checks.some(
      ({ kind, attacker, honestKind }) =>
        kind === 'goal' && attacker === comparison.attacker && honestKind === comparison.honest_kind,
    );
  const rows = attackers.filter(named);
  const shown = DETECTORS.filter((detector) =>
    rows.some((row) => figureOf(row, detector, 'auc') !== undefined),
  );
  const cells = (row, metric, at, text) =>
    shown.map((detector) => text(figureOf(row, detector, metric, at))).join(' / ');
  return table(
    [
      'scenario',
      'attacker',
      'honest events',
      `AUC: ${shown.join(' / ')}`,
      'FPR at TPR .99, in %',
      'FPR at TPR .999, in %',
    ],
    rows.map((row) => [
      scenario,
      row.honest_kind === null ? row.attacker : `${row.attacker}, ${row.honest_kind}`,
      row.honest_events.toLocaleString('en-US'),
      cells(row, 'auc', undefined, area),
      cells(row, 'fpr_at_tpr', 0.99, percent),
      cells(row, 'fpr_at_tpr', 0.999, percent),
    ]),
  );
}

/** Actual rates at nominal 1 % and 5 %, of all that --test gave. */
export function calibrationTable({ calibration }) {
  const rows = (calibration ?? []).filter(({ actual_fpr }) => actual_fpr !== null);
  if (rows.length === 0) return undefined;
  return table(
    ['training events of the account', 'honest events', 'p ≤ 1 %, in %', 'p ≤ 5 %, in %'],
    rows.map(({ training_events, honest_events, nominal_fpr, actual_fpr }) => [
      training_events,
      honest_events.toLocaleString('en-US'),
      ...[0.01, 0.05].map((rate) => percent(actual_fpr[nominal_fpr.indexOf(rate)])),
    ]),
  );
}

/** The checks that somebody should read; the others are counted below it, unless all are wanted. */
export function checkList(checks, { isAll }) {
  const isShown = (check) =>
    isAll || !['reached', 'kept'].includes(check.status) || (check.kind !== 'figure' && !isOfSubset(check));
  const shown = checks.filter(isShown);
  const hidden = checks.filter((check) => !isShown(check));
  const kept = hidden.filter(({ kind }) => kind === 'figure').length;
  return [
    table(
      ['check', 'now', 'recorded', 'status', 'the limit is'],
      shown.map((check) => [
        check.name,
        valueText(check, check.value),
        valueText(check, check.recorded),
        fails(check) ? `**${check.status}**` : `${check.status}${aimText(check)}`,
        check.source ?? 'what was recorded',
      ]),
    ),
    hidden.length === 0
      ? ''
      : `\nAnd ${kept} figures kept, ${hidden.length - kept} times the law reached in subsets (\`--all\` lists them).`,
  ].join('\n');
}

const isOfSubset = ({ kind, honestKind }) => kind === 'law' && honestKind !== null;

function aimText({ aim, value, status }) {
  if (aim === undefined || status !== 'reached') return '';
  const isMet = aim < 0 ? value >= aim : value <= aim;
  return isMet ? `, its aim ${shortly(aim)} too` : `, its aim ${shortly(aim)} not`;
}

/** How many checks of each scenario have each status, and what that means. */
export function summary(results, notRun) {
  const statuses = Object.keys(STATUSES);
  const count = (checks, status) => checks.filter((check) => check.status === status).length;
  const used = statuses.filter((status) => results.some(({ checks }) => count(checks, status) > 0));
  const meanings = used.filter((status) => STATUSES[status].means);
  const law = lawOf(results.flatMap(({ checks }) => checks));
  return [
    table(
      ['scenario', ...used],
      results.map(({ name, checks }) => [name, ...used.map((status) => count(checks, status))]),
    ),
    '',
    ...meanings.map((status) => `- ${status}: ${STATUSES[status].means}.`),
    `- Above the better of its parts the mixture is for ${law.above} of ${law.of} pairs of scenario and attacker (AUC; asked: most).`,
    ...notRun.map(({ name, whatToDo }) => `- ${name} was not run: ${whatToDo}`),
  ].join('\n');
}

/** Markdown. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function valueText({ metric, by }, value) {
  if (value === undefined) return '–';
  if (by === 'difference') return `${value > 0 ? '+' : ''}${shortly(value.toFixed(4))}`;
  if (by === 'ratio') return `${value.toFixed(3)} ×`;
  if (metric === 'auc') return area(value);
  return `${percent(value)} %`;
}

const area = (value) => (value === undefined ? '–' : shortly(value.toFixed(4)));
/** `3.21`; two digits where there is less than one percent. */
const percent = (value) =>
  value === undefined ? '–' : (100 * value).toFixed(value >= 0.1 ? 1 : value >= 0.001 ? 2 : 3);
