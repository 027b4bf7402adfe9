import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checksOf, fails, lawOf, recordOf } from './checks.mjs';
import { ALL, GOALS } from './goals.mjs';
import { SCENARIOS } from './scenarios.mjs';

/** A comparison of metrics.json; aucs: [mixture, history, neural]. */
function comparison(attacker, aucs, { honestKind = null, events = 5000, rates = {} } = {}) {
  return {
    attacker,
    honest_kind: honestKind,
    honest_events: events,
    attack_events: events,
    detectors: ['mixture', 'history', 'neural', 'oracle'].slice(0, aucs.length).map((detector, i) => ({
      detector,
      auc: aucs[i],
      fpr_at_tpr: [0.99, 0.999].map((limit) => ({ limit, fpr: rates[limit]?.[i] ?? 0.1, tpr: limit })),
      tpr_at_fpr: [{ limit: 0.01, fpr: 0.01, tpr: rates[0.01]?.[i] ?? 0.5 }],
    })),
  };
}

const metrics = (...attackers) => ({ attackers, calibration: null });
const named = (checks, name) => checks.find((check) => check.name === name);
const statusOf = (scenario, figures, name, recorded) =>
  named(checksOf(scenario, figures, recorded), name)?.status;
const recordedGoal = (name, value) => ({ goals: { [name]: value }, figures: {} });
const recordedFigure = (name, value) => ({ goals: {}, figures: { [name]: value } });

test('the law is reached .003 below the better part, and missed further below', () => {
  const law = 'swap: AUC − parts ≥ −.003';
  const withAucs = (...aucs) => metrics(comparison('swap', aucs));
  assert.equal(statusOf('sparse', withAucs(0.8975, 0.8, 0.9), law), 'reached');
  assert.equal(statusOf('sparse', withAucs(0.8965, 0.8, 0.9), law), 'missed');
  assert.equal(statusOf('sparse', withAucs(0.8965, 0.9, 0.8), law), 'missed');
});

test('a goal known as short stays so within its tolerance of .002, and is worse beyond it', () => {
  const law = 'swap: AUC − parts ≥ −.003';
  const found = metrics(comparison('swap', [0.89, 0.9, 0.8]));
  assert.equal(statusOf('sparse', found, law, recordedGoal(law, -0.0085)), 'short of the goal');
  assert.equal(statusOf('sparse', found, law, recordedGoal(law, -0.0075)), 'worse');
});

test('what is recorded for one goal excuses no other on the same figures', () => {
  const found = metrics(comparison('swap', [0.8965, 0.9, 0.8]));
  const recorded = recordedGoal('swap: AUC − parts > 0', -0.0035);
  assert.equal(statusOf('providers', found, 'swap: AUC − parts > 0', recorded), 'short of the goal');
  assert.equal(statusOf('providers', found, 'swap: AUC − parts ≥ −.003', recorded), 'missed');
});

test('an AUC is kept within .002 of the recorded one, worse below and better above', () => {
  const name = 'swap: AUC of mixture';
  const status = (auc) =>
    statusOf('sparse', metrics(comparison('swap', [auc, 0.8, 0.8])), name, recordedFigure(name, 0.9));
  assert.deepEqual([0.8979, 0.8981, 0.9019, 0.9021].map(status), ['worse', 'kept', 'kept', 'better']);
});

test('a false-positive rate is worse where it is more than 5 % higher, and more than .002', () => {
  const name = 'swap: FPR at TPR .99 of mixture';
  const status = (fpr, recorded = 0.1) =>
    statusOf(
      'sparse',
      metrics(comparison('swap', [0.9, 0.8, 0.8], { rates: { 0.99: [fpr, 0.2, 0.2] } })),
      name,
      recordedFigure(name, recorded),
    );
  assert.deepEqual(
    [0.106, 0.104, 0.096, 0.094].map((fpr) => status(fpr)),
    ['worse', 'kept', 'kept', 'better'],
  );
  assert.deepEqual(
    [0.0049, 0.0051].map((fpr) => status(fpr, 0.003)),
    ['kept', 'worse'],
  );
});

test('rates are compared with the better part: the lower FPR, the higher TPR', () => {
  const rates = { 0.99: [0.103, 0.2, 0.1], 0.01: [0.49, 0.505, 0.3] };
  const found = metrics(comparison('swap', [0.9, 0.8, 0.8], { rates }));
  const checks = checksOf('providers', found);
  const fpr = named(checks, 'swap: FPR at TPR .99 ÷ parts ≤ 1.02');
  assert.equal(fpr.value.toFixed(3), '1.030');
  assert.equal(fpr.status, 'missed');
  const tpr = named(checks, 'swap: TPR at FPR .01 ÷ parts ≥ .98');
  assert.equal(tpr.value.toFixed(3), '0.970');
  assert.equal(tpr.status, 'missed');
  const better = named(checks, 'swap: FPR at TPR .999 ÷ parts ≤ 1.02');
  assert.equal(better.value, 1);
  assert.equal(better.status, 'reached');
});

test('a rate of fewer than 100 events counts as one of 100, so that chance decides no ratio', () => {
  const ratio = (...fprs) => {
    const rates = { 0.99: fprs };
    const found = metrics(comparison('swap', [0.9, 0.8, 0.8], { events: 10_000, rates }));
    return named(checksOf('providers', found), 'swap: FPR at TPR .99 ÷ parts ≤ 1.02').value;
  };
  assert.equal(ratio(0.009, 0.02, 0.0001), 1);
  assert.equal(ratio(0.0125, 0.02, 0).toFixed(6), '1.250000');
  assert.equal(ratio(0.0125, 0.025, 0.02).toFixed(6), '0.625000');
});

test('a law that is missed may move by .02 in far addresses, .005 in other subsets, .002 over all', () => {
  const moved = (honestKind, by) => {
    const law = `${honestKind === null ? 'swap' : `swap, ${honestKind}`}: AUC − parts ≥ −.003`;
    const found = metrics(comparison('swap', [0.8, 0.9, 0.8], { honestKind }));
    return statusOf('sparse', found, law, recordedGoal(law, -0.1 + by));
  };
  assert.deepEqual(
    [0.0195, 0.0205].map((by) => moved('new_far', by)),
    ['short of the goal', 'worse'],
  );
  assert.deepEqual(
    [0.0045, 0.0055].map((by) => moved('new_address', by)),
    ['short of the goal', 'worse'],
  );
  assert.deepEqual(
    [0.0015, 0.0025].map((by) => moved(null, by)),
    ['short of the goal', 'worse'],
  );
});

test('the tutorial is compared with the oracle of its own run', () => {
  const swap = (mixture) =>
    metrics(
      comparison('announced', [0.99, 0.98, 0.98, 0.9945]),
      comparison('swap', [0.99, 0.98, 0.98, 0.9945], { rates: { 0.99: [mixture, 0.2, 0.2, 0.1] } }),
    );
  const checks = checksOf('tutorial', swap(0.129));
  const statuses = Object.fromEntries(
    checks.filter(({ against }) => against === 'oracle').map(({ name, status }) => [name, status]),
  );
  assert.deepEqual(statuses, {
    'announced: FPR at TPR .99 ÷ oracle ≤ 1.05': 'reached',
    'announced: FPR at TPR .999 ÷ oracle ≤ 1.15': 'reached',
    'announced: AUC − oracle ≥ −.004': 'missed',
    'swap: FPR at TPR .99 ÷ oracle ≤ 1.3': 'reached',
    'swap: AUC − oracle ≥ −.005': 'reached',
  });
  assert.equal(statusOf('tutorial', swap(0.131), 'swap: FPR at TPR .99 ÷ oracle ≤ 1.3'), 'missed');
});

test('a better AUC than each part is more than an equal one', () => {
  const name = 'swap: AUC − parts > 0';
  const status = (mixture) => statusOf('providers', metrics(comparison('swap', [mixture, 0.9, 0.8])), name);
  assert.deepEqual([0.9, 0.9001].map(status), ['missed', 'reached']);
});

test('a subset of fewer than 1,000 events is not judged, a goal that names it is', () => {
  const of = (events) =>
    checksOf(
      'tor-relays',
      metrics(comparison('labelled:swap', [0.7, 0.9, 0.8], { honestKind: 'newfar', events })),
    );
  const law = 'labelled:swap, newfar: AUC − parts ≥ −.003';
  assert.equal(named(of(999), law), undefined);
  assert.equal(named(of(1000), law).status, 'missed');
  assert.equal(named(of(999), 'labelled:swap, newfar: AUC ≥ .78').status, 'missed');
});

test('calibration is judged within a fifth of the nominal rate, in rows of 20,000 events or more', () => {
  const row = (training_events, honest_events, actual_fpr) => ({
    training_events,
    honest_events,
    nominal_fpr: [0.001, 0.01, 0.05],
    actual_fpr,
  });
  const calibration = [
    row('all', 30_000, [0, 0.0119, 0.0399]),
    row('1-3', 19_999, [0, 0.5, 0.5]),
    row('4-10', 20_000, [0, 0.0079, 0.0601]),
  ];
  const checks = checksOf('sparse', { attackers: [], calibration });
  assert.deepEqual(
    checks.map(({ name, status }) => [name, status]),
    [
      ['accounts of all events: share with p ≤ .01 off by ≤ .2', 'reached'],
      ['accounts of all events: share with p ≤ .05 off by ≤ .2', 'missed'],
      ['accounts of 4-10 events: share with p ≤ .01 off by ≤ .2', 'missed'],
      ['accounts of 4-10 events: share with p ≤ .05 off by ≤ .2', 'missed'],
    ],
  );
});

test('nothing that is asked for or recorded vanishes: it is not measured, and fails', () => {
  const recorded = recordedFigure('swap: AUC of mixture', 0.9);
  const checks = checksOf('tutorial', metrics(comparison('announced', [0.9, 0.8, null])), recorded);
  const missing = checks.filter(({ status }) => status === 'not measured').map(({ name }) => name);
  assert.ok(missing.includes('swap: AUC of mixture'));
  assert.ok(missing.includes('swap: AUC − oracle ≥ −.005'));
  assert.ok(missing.includes('announced: AUC − oracle ≥ −.004'));
  assert.ok(missing.includes('announced: AUC − parts ≥ −.003'));
  assert.ok(missing.includes('accounts of all events: share with p ≤ .01 off by ≤ .2'));
  assert.ok(checks.filter(({ status }) => status === 'not measured').every(fails));
});

test('a goal that was reached is missed at once, but one that seeds decide only beyond its tolerance', () => {
  const status = (honestKind, mixture) => {
    const law = `${honestKind === null ? 'swap' : `swap, ${honestKind}`}: AUC − parts ≥ −.003`;
    const found = metrics(comparison('swap', [mixture, 0.9, 0.8], { honestKind }));
    return statusOf('sparse', found, law, recordedGoal(law, -0.002));
  };
  assert.equal(status(null, 0.8965), 'missed');
  assert.deepEqual(
    [0.8975, 0.8965, 0.8935, 0.8925].map((mixture) => status('new_address', mixture)),
    ['reached', 'at the limit', 'at the limit', 'missed'],
  );
  const fpr = 'swap: FPR at TPR .99 ÷ oracle ≤ 1.3';
  const found = metrics(
    comparison('swap', [0.9, 0.8, 0.8, 0.9], { rates: { 0.99: [0.131, 0.2, 0.2, 0.1] } }),
  );
  assert.equal(statusOf('tutorial', found, fpr, recordedGoal(fpr, 1.29)), 'missed');
  assert.equal(statusOf('tutorial', found, fpr, recordedGoal(fpr, 1.301)), 'short of the goal');
});

test('of what was just recorded nothing fails, and without a record every figure and missed goal does', () => {
  const found = metrics(
    comparison('labelled:swap', [0.9, 0.8, 0.85]),
    comparison('labelled:swap', [0.7, 0.8, 0.85], { honestKind: 'newfar' }),
  );
  const before = checksOf('tor-relays', found);
  const record = recordOf(before);
  assert.deepEqual(record, {
    goals: {
      'labelled:swap: AUC ≥ .94': 0.9,
      'labelled:swap, newfar: AUC ≥ .78': 0.7,
      'labelled:swap: AUC − parts ≥ −.003': 0.05,
      'labelled:swap, newfar: AUC − parts ≥ −.003': -0.15,
    },
    figures: {
      'labelled:swap: AUC of mixture': 0.9,
      'labelled:swap: AUC of history': 0.8,
      'labelled:swap: AUC of neural': 0.85,
      'labelled:swap, newfar: AUC of mixture': 0.7,
      'labelled:swap: FPR at TPR .99 of mixture': 0.1,
      'labelled:swap: FPR at TPR .999 of mixture': 0.1,
    },
  });
  assert.deepEqual(
    before.filter(fails).map(({ status }) => status),
    ['missed', 'missed', 'missed', ...Array(6).fill('not recorded')],
  );
  const after = checksOf('tor-relays', found, record);
  assert.equal(after.length, before.length);
  assert.deepEqual(after.filter(fails), []);
});

test('no two checks of a scenario have one name', () => {
  for (const scenario of Object.keys(SCENARIOS)) {
    const names = checksOf(
      scenario,
      metrics(
        ...['announced', 'swap', 'labelled:swap'].flatMap((attacker) => [
          comparison(attacker, [0.9, 0.8, 0.8, 0.95]),
          comparison(attacker, [0.9, 0.8, 0.8, 0.95], { honestKind: 'newfar' }),
        ]),
      ),
    ).map(({ name }) => name);
    assert.ok(names.length > 10, scenario);
    assert.equal(new Set(names).size, names.length, scenario);
  }
});

test('goals are about scenarios that exist', () => {
  const asked = GOALS.flatMap(({ scenarios }) => (scenarios === ALL ? [] : scenarios));
  assert.deepEqual(new Set(asked), new Set(Object.keys(SCENARIOS)));
});

test('the law is counted once for each attacker, above the better part or not', () => {
  const checks = checksOf(
    'sparse',
    metrics(
      comparison('swap', [0.91, 0.9, 0.8]),
      comparison('octets', [0.9, 0.9, 0.8]),
      comparison('swap', [0.95, 0.9, 0.8], { honestKind: 'new_far' }),
    ),
  );
  assert.deepEqual(lawOf(checks), { above: 1, of: 2 });
});
