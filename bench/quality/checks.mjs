// What the figures of a scenario say against its goals and against what was recorded. Values only: no files, no runs.
import { ALL, FIGURES, GOALS, LEAST_EVENTS, LEAST_FLAGGED, SUBSETS } from './goals.mjs';

/** Every status of a check, and whether it fails the run. */
export const STATUSES = {
  reached: { fails: false },
  'short of the goal': { fails: false, means: 'not reached when it was recorded either, and no worse' },
  'at the limit': { fails: false, means: 'reached when it was recorded, and no worse than by another seed' },
  missed: { fails: true, means: 'a goal that was reached when it was recorded, or is new' },
  kept: { fails: false },
  better: { fails: false, means: 'by more than its tolerance: record it' },
  worse: { fails: true, means: 'than recorded, by more than its tolerance' },
  'not recorded': { fails: true, means: 'a new figure: record it' },
  'not measured': { fails: true, means: 'asked for or recorded, and not in metrics.json' },
};

export const fails = ({ status }) => STATUSES[status].fails;

/**
 * @param metrics  metrics.json of the scenario
 * @param recorded {goals, figures}: values by the checks' names
 * @returns checks: {name, kind (`goal`, `law` or `figure`), metric, value, limit, aim, direction, tolerance, recorded, source, status}
 */
export function checksOf(scenario, metrics, recorded = { goals: {}, figures: {} }) {
  const checks = measure(scenario, metrics).map((check) => {
    const before = (check.kind === 'figure' ? recorded.figures : recorded.goals)[check.name];
    return { ...check, recorded: before, status: statusOf(check, before) };
  });
  const names = new Set(checks.map(({ name }) => name));
  const gone = [...Object.entries(recorded.goals), ...Object.entries(recorded.figures)]
    .filter(([name]) => !names.has(name))
    .map(([name, before]) => ({ name, kind: 'figure', recorded: before, status: 'not measured' }));
  return [...checks, ...gone];
}

/** What to record of such checks. */
export function recordOf(checks) {
  const measured = checks.filter(({ value }) => value !== undefined);
  const values = (some) => Object.fromEntries(some.map(({ name, value }) => [name, rounded(value)]));
  return {
    goals: values(measured.filter(({ kind }) => kind !== 'figure')),
    figures: values(measured.filter(({ kind }) => kind === 'figure')),
  };
}

/** More digits than any tolerance asks for would only make differences hard to read. */
const rounded = (value) => Number(value.toPrecision(5));

function statusOf(check, recorded) {
  if (check.value === undefined) return 'not measured';
  return check.kind === 'figure' ? statusOfFigure(check, recorded) : statusOfGoal(check, recorded);
}

function statusOfGoal(check, recorded) {
  if (meets(check)) return 'reached';
  if (recorded === undefined) return 'missed';
  const isWorse = loss(check, recorded) > allowance(check, recorded);
  if (!meets({ ...check, value: recorded })) return isWorse ? 'worse' : 'short of the goal';
  return check.doSeedsDecide && !isWorse ? 'at the limit' : 'missed';
}

function statusOfFigure(check, recorded) {
  if (recorded === undefined) return 'not recorded';
  if (loss(check, recorded) > allowance(check, recorded)) return 'worse';
  return -loss(check, recorded) > allowance(check, recorded) ? 'better' : 'kept';
}

function meets({ value, direction, limit }) {
  if (direction === 'at most') return value <= limit;
  return direction === 'above' ? value > limit : value >= limit;
}

/** How much worse than recorded, in the unit of the value. */
function loss({ value, direction }, recorded) {
  return direction === 'at most' ? value - recorded : recorded - value;
}

function allowance({ tolerance, honestKind }, recorded) {
  const { absolute = 0, relative = 0, byHonestKind } = tolerance;
  return Math.max(byHonestKind?.[honestKind] ?? absolute, relative * Math.abs(recorded));
}

function measure(scenario, metrics) {
  const isAbout = ({ scenarios }) => scenarios === ALL || scenarios.includes(scenario);
  return [
    ...GOALS.filter(isAbout).flatMap((goal) =>
      goal.metric === 'calibration' ? calibrationChecks(goal, metrics) : goalChecks(goal, metrics),
    ),
    ...FIGURES.filter(isAbout).flatMap((figure) => figureChecks(figure, metrics)),
  ];
}

function goalChecks(goal, metrics) {
  const kind = goal.isLaw ? 'law' : 'goal';
  const { metric, against, by } = goal;
  return comparisonsOf(goal, metrics).flatMap(({ attacker, honestKind, comparison }) =>
    ratesOf(goal, comparison).map((at) => {
      const own = figureOf(comparison, 'mixture', metric, at);
      const other = against && otherOf(comparison, against, metric, at);
      return {
        ...goal,
        kind,
        attacker,
        honestKind,
        name: `${title(attacker, honestKind)}: ${metricName(metric, at)}${against ? ` ${by === 'ratio' ? '÷' : '−'} ${against}` : ''} ${limitText(goal)}`,
        value: against ? compared(own, other, goal, comparison) : own,
      };
    }),
  );
}

function figureChecks(figure, metrics) {
  const { detectors, ofSubsets, metric, tolerance } = figure;
  const wanted = metrics.attackers.filter(
    (comparison) => hasEnough(comparison) && (comparison.honest_kind !== null) === ofSubsets,
  );
  return wanted.flatMap((comparison) =>
    detectors.flatMap((detector) =>
      ratesOf(figure, comparison).map((at) => ({
        kind: 'figure',
        metric,
        honestKind: comparison.honest_kind,
        tolerance,
        direction: metric === 'fpr_at_tpr' ? 'at most' : 'at least',
        name: `${title(comparison.attacker, comparison.honest_kind)}: ${metricName(metric, at)} of ${detector}`,
        value: figureOf(comparison, detector, metric, at),
      })),
    ),
  );
}

/** Of the rows with enough events; the first one, of all accounts, must be among them. */
function calibrationChecks(goal, { calibration }) {
  const rows = (calibration ?? []).filter(
    ({ training_events, honest_events }) => training_events === 'all' || honest_events >= goal.leastEvents,
  );
  if (rows.length === 0) rows.push({ training_events: 'all', nominal_fpr: [] });
  return rows.flatMap(({ training_events, nominal_fpr, actual_fpr }) =>
    goal.at.map((at) => {
      const actual = actual_fpr?.[nominal_fpr.indexOf(at)];
      return {
        ...goal,
        kind: 'goal',
        name: `accounts of ${training_events} events: share with p ≤ ${shortly(at)} off by ${limitText(goal)}`,
        value: actual === undefined ? undefined : Math.abs(actual / at - 1),
      };
    }),
  );
}

/** The comparisons that a goal is about; one that it names and metrics.json lacks has none. */
function comparisonsOf({ attackers, honestKinds }, metrics) {
  const all = metrics.attackers.map((comparison) => ({
    attacker: comparison.attacker,
    honestKind: comparison.honest_kind,
    comparison,
  }));
  if (attackers !== ALL)
    return attackers.flatMap((attacker) =>
      honestKinds.map((honestKind) => ({
        attacker,
        honestKind,
        comparison: all.find((one) => one.attacker === attacker && one.honestKind === honestKind)?.comparison,
      })),
    );
  return all.filter(
    ({ honestKind, comparison }) =>
      hasEnough(comparison) &&
      (honestKinds === SUBSETS ? honestKind !== null : honestKinds.includes(honestKind)),
  );
}

const hasEnough = ({ honest_events, attack_events }) =>
  Math.min(honest_events, attack_events) >= LEAST_EVENTS;

/** The rates of an operating point; `auc` has none. */
function ratesOf({ metric, at = [undefined] }, comparison) {
  if (at !== ALL) return at;
  const [mixture] = comparison.detectors.filter(({ detector }) => detector === 'mixture');
  return mixture[metric].map(({ limit }) => limit);
}

/** @returns undefined where metrics.json has no such figure */
export function figureOf(comparison, detector, metric, at) {
  const quality = comparison?.detectors.find((one) => one.detector === detector);
  const point = quality?.[metric === 'auc' ? 'fpr_at_tpr' : metric].find(({ limit }) => limit === at);
  const figures = { auc: quality?.auc, fpr_at_tpr: point?.fpr, tpr_at_fpr: point?.tpr };
  // null is a number that JSON cannot hold
  return figures[metric] ?? undefined;
}

function otherOf(comparison, against, metric, at) {
  if (against !== 'parts') return figureOf(comparison, against, metric, at);
  const parts = ['history', 'neural'].map((part) => figureOf(comparison, part, metric, at));
  if (parts.includes(undefined)) return undefined;
  return metric === 'fpr_at_tpr' ? Math.min(...parts) : Math.max(...parts);
}

function compared(own, other, { by, metric }, comparison) {
  if (own === undefined || other === undefined) return undefined;
  if (by === 'difference') return own - other;
  const least = metric === 'fpr_at_tpr' ? LEAST_FLAGGED / comparison.honest_events : 0;
  return Math.max(own, least) / Math.max(other, least);
}

const title = (attacker, honestKind) => (honestKind === null ? attacker : `${attacker}, ${honestKind}`);

/** `.99`, `−.003` */
export const shortly = (number) =>
  String(number)
    .replace(/^(-?)0\./, '$1.')
    .replace('-', '−');

const SIGNS = { 'at most': '≤', 'at least': '≥', above: '>' };

/** `≥ −.003`; in the name, since figures recorded for one limit mean nothing for another. */
const limitText = ({ direction, limit }) => `${SIGNS[direction]} ${shortly(limit)}`;

function metricName(metric, at) {
  if (metric === 'auc') return 'AUC';
  return metric === 'fpr_at_tpr' ? `FPR at TPR ${shortly(at)}` : `TPR at FPR ${shortly(at)}`;
}

/**
 * The second half of the law, over all scenarios: where the law is checked on all honest events, how often the mixture is
 * above the better of its parts.
 */
export function lawOf(checks) {
  const whole = checks.filter(({ kind, honestKind }) => kind === 'law' && honestKind === null);
  return { above: whole.filter(({ value }) => value > 0).length, of: whole.length };
}
