import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError } from '../errors.ts';
import type { EarlyStopping } from './earlyStopping.ts';
import { journalHead, journalLine, PAUSE_LINE, replayJournal, requireSameSearch } from './journalLines.ts';
import { ParzenSampler } from './parzenSampler.ts';
import { RandomSampler } from './randomSampler.ts';
import { runSearch, type TrainTrial } from './runSearch.ts';
import { Search, type SearchPlan } from './search.ts';
import { type Dimension, SearchSpace, type Setting } from './searchSpace.ts';
import { NoEarlyStopping, SuccessiveHalving } from './successiveHalving.ts';

const DIMENSIONS: Dimension[] = [
  { kind: 'range', name: 'learningRate', minimum: 1e-4, maximum: 0.1, integer: false, scale: 'log' },
  { kind: 'range', name: 'vectorDim', minimum: 8, maximum: 256, integer: true, scale: 'log' },
];

function planOf(given: Partial<SearchPlan> = {}): SearchPlan {
  const space = given.space ?? new SearchSpace(DIMENSIONS);
  return {
    space,
    fixed: { randomNegativeSamplingRate: 1, shuffledNegativeSamplingRate: 1 },
    objective: { direction: 'maximise' },
    sampler: new ParzenSampler(space, 7),
    earlyStopping: SuccessiveHalving.forEpochs(9),
    seed: 7,
    defaults: {},
    epochs: 9,
    ...given,
  };
}

/** Best at a learning rate of 0.01 and many dimensions; better with every epoch. */
function toyValue({ learningRate = 0, vectorDim = 0 }: Setting, epoch: number): number {
  return 1 - 0.1 * Math.log10(learningRate / 0.01) ** 2 - 1 / vectorDim - 0.1 / epoch;
}

const trainToy: TrainTrial = async (given, { onEpoch, signal }) => {
  for (let epoch = 1; epoch <= 9; epoch++) {
    await new Promise(setImmediate);
    signal.throwIfAborted();
    if (!onEpoch(toyValue(given as Setting, epoch))) return false;
  }
  return true;
};

interface Run {
  lines: string[];
  search: Search;
}

async function run(
  given: Partial<Parameters<typeof runSearch>[1]> = {},
  search = new Search(planOf()),
): Promise<Run> {
  const lines: string[] = [];
  await runSearch(search, {
    train: trainToy,
    workers: 1,
    maxTrials: 20,
    secondsBefore: 0,
    signal: new AbortController().signal,
    onEvent: (event) => lines.push(journalLine(event)),
    ...given,
  });
  return { lines, search };
}

/** What a search found, without its times. */
const found = ({ trials }: Search) =>
  trials.map(({ trial, setting, state, values }) => ({ trial, setting, state, values: [...values] }));

test('the same seed and one worker give the same trials; another seed gives others', async () => {
  const [a, b] = [await run(), await run()];
  assert.deepEqual(found(a.search), found(b.search));
  const space = new SearchSpace(DIMENSIONS);
  const other = await run({}, new Search(planOf({ sampler: new ParzenSampler(space, 8) })));
  assert.notDeepEqual(found(a.search), found(other.search));
});

test('a search that is killed after any line of its journal goes on to the same trials', async () => {
  const whole = await run();
  for (let kept = 0; kept <= whole.lines.length; kept += 3) {
    const search = new Search(planOf());
    replayJournal(search, whole.lines.slice(0, kept), 'j');
    const { lines } = await run({}, search);
    assert.deepEqual(found(search), found(whole.search), `killed after ${kept} lines`);
    // The journal of both runs together is one that can be gone on from, too.
    const again = new Search(planOf());
    replayJournal(again, [...whole.lines.slice(0, kept), ...lines], 'j');
    assert.deepEqual(found(again), found(whole.search));
  }
});

test('with fewer trials than an earlier run began, those beyond are left as they are', async () => {
  const whole = await run();
  const fourth = whole.lines.findIndex((line) => line.startsWith('{"trial":4,'));
  const search = new Search(planOf());
  replayJournal(search, whole.lines.slice(0, fourth + 1), 'j');
  const { lines } = await run({ maxTrials: 3 }, search);
  assert.deepEqual(lines, []);
  assert.equal(search.trials[3].state, 'running');
});

test('several workers try as many trials, none twice', async () => {
  const { search } = await run({ workers: 4 });
  assert.equal(search.trials.length, 20);
  assert.ok(search.trials.every(({ state }) => state === 'completed' || state === 'stopped'));
  assert.equal(new Set(search.trials.map(({ setting }) => JSON.stringify(setting))).size, 20);
});

test('early stopping spends less than half of the epochs and finds the same best of the same trials', async () => {
  const space = new SearchSpace(DIMENSIONS);
  const plan = (earlyStopping: EarlyStopping) =>
    planOf({ sampler: new RandomSampler(space, 3), earlyStopping });
  const full = await run({ maxTrials: 40 }, new Search(plan(new NoEarlyStopping())));
  const early = await run({ maxTrials: 40 }, new Search(plan(SuccessiveHalving.forEpochs(9))));
  const epochs = ({ trials }: Search) => trials.reduce((sum, { values }) => sum + values.length, 0);
  assert.equal(epochs(full.search), 360);
  assert.ok(epochs(early.search) < 180, `${epochs(early.search)} epochs`);
  assert.deepEqual(early.search.best()?.setting, full.search.best()?.setting);
});

test('what is tried first stands first, and the best is the completed trial with the best last value', async () => {
  const defaults = { learningRate: 0.001, vectorDim: 128 };
  const { search } = await run({}, new Search(planOf({ defaults })));
  assert.deepEqual(search.trials[0].setting, defaults);
  const completed = search.trials.filter(({ state }) => state === 'completed');
  const last = completed.map(({ values }) => values[8]);
  assert.equal(search.best()?.values[8], Math.max(...last));
});

test('what is tried first is trained to its end, and stops nobody that begins worse', async () => {
  // Slow settings lead after the first epochs, and are the worst at the end.
  const train: TrainTrial = async ({ learningRate = 0 }, { onEpoch }) => {
    const isSlow = learningRate < 0.005;
    for (let epoch = 1; epoch <= 9; epoch++) {
      if (!onEpoch(isSlow ? 0.9 : 0.7 + 0.03 * epoch)) return false;
    }
    return true;
  };
  const given = [
    { learningRate: 0.001, vectorDim: 128 },
    { learningRate: 0.01, vectorDim: 128 },
  ];
  const sampler = { suggest: () => new SearchSpace(DIMENSIONS).pointOf(given[1]) };
  const { search } = await run({ train, maxTrials: 2 }, new Search(planOf({ defaults: given[0], sampler })));
  assert.deepEqual(
    search.trials.map(({ state }) => state),
    ['completed', 'completed'],
  );
  assert.equal(search.best()?.trial, 2);
});

test('a failed trial keeps its reason and ends nothing; an error that is no fact about a setting ends all', async () => {
  let calls = 0;
  const train: TrainTrial = async (given, hooks) => {
    if (++calls % 3 === 0) throw new InputError('epoch 1, batch 3: loss is NaN. Lower --learning-rate.');
    return trainToy(given, hooks);
  };
  const { search, lines } = await run({ train, maxTrials: 9 });
  const failed = search.trials.filter(({ state }) => state === 'failed');
  assert.deepEqual(
    failed.map(({ trial, reason }) => [trial, reason]),
    [3, 6, 9].map((trial) => [trial, 'epoch 1, batch 3: loss is NaN. Lower --learning-rate.']),
  );
  const again = new Search(planOf());
  replayJournal(again, lines, 'j');
  assert.deepEqual(again.trials[2].reason, failed[0].reason);
  const broken: TrainTrial = async () => {
    throw new TypeError('a fault of ours');
  };
  await assert.rejects(run({ train: broken }), { name: 'TypeError', message: 'a fault of ours' });
});

test('a journal that cannot be written ends the search, and is no failure of a trial', async () => {
  let events = 0;
  const onEvent = () => {
    if (++events === 5) throw new InputError('j: cannot be written, the disk is full.');
  };
  const search = new Search(planOf());
  await assert.rejects(run({ onEvent }, search), { message: 'j: cannot be written, the disk is full.' });
  assert.ok(search.trials.every(({ state }) => state !== 'failed'));
});

test('a stopped search leaves what runs as it is', async () => {
  const controller = new AbortController();
  let reports = 0;
  const onEvent = ({ kind }: { kind: string }) => {
    if (kind === 'report' && ++reports === 12) controller.abort(new Error('stopped'));
  };
  const search = new Search(planOf());
  await run({ onEvent, signal: controller.signal, workers: 2 }, search);
  const states = search.trials.map(({ state }) => state);
  assert.ok(states.includes('running'));
  assert.ok(!states.includes('failed'));
});

test('a space of few settings is tried in full, each once', async () => {
  const space = new SearchSpace([{ kind: 'choice', name: 'vectorDim', values: [8, 16, 32] }]);
  const search = new Search(
    planOf({ space, sampler: new ParzenSampler(space, 1), fixed: { learningRate: 0.01 } }),
  );
  const { search: done } = await run({}, search);
  assert.deepEqual(done.trials.map(({ setting }) => setting.vectorDim).sort(), [16, 32, 8]);
});

test('a setting without any drawn pair gets the fewest of one kind', () => {
  const rate = (name: 'randomNegativeSamplingRate' | 'shuffledNegativeSamplingRate'): Dimension => ({
    kind: 'range',
    name,
    minimum: 0,
    maximum: 1,
    integer: true,
    scale: 'linear',
  });
  const space = new SearchSpace([rate('randomNegativeSamplingRate'), rate('shuffledNegativeSamplingRate')]);
  const sampler = { suggest: () => [0, 0] };
  const search = new Search(planOf({ space, sampler, fixed: {} }));
  assert.deepEqual(search.nextSetting(), { randomNegativeSamplingRate: 0, shuffledNegativeSamplingRate: 1 });
});

test('a trial within which five runs were killed is given up; runs that were told to end do not count', () => {
  const statesAfter = (...lines: string[]) => {
    const search = new Search(planOf());
    replayJournal(search, lines, 'j');
    return search.trials.map(({ state, reason }) => reason ?? state);
  };
  const killed = 'killed 5 times before its end: it may need more memory than there is';
  assert.deepEqual(statesAfter(BEGAN, BEGAN, BEGAN, BEGAN), ['running']);
  assert.deepEqual(statesAfter(BEGAN, BEGAN, BEGAN, BEGAN, BEGAN), [killed]);
  assert.deepEqual(statesAfter(BEGAN, BEGAN, BEGAN, BEGAN, PAUSE_LINE, BEGAN), ['running']);
});

const BEGAN = '{"trial":1,"hyperparameters":{"learning_rate":0.01,"vector_dim":64},"at":0}';
for (const [lines, expected] of [
  [['nonsense'], 'j:2: expected a record of a trial, got "nonsense"'],
  [['{"trial":2,"hyperparameters":{"learning_rate":0.01,"vector_dim":64},"at":0}'], 'j:2: expected trial 1,'],
  [
    ['{"trial":1,"hyperparameters":{"learning_rate":5,"vector_dim":64},"at":0}'],
    'j:2: expected hyperparameters of the search,',
  ],
  [['{"trial":1,"hyperparameters":{"colour":5},"at":0}'], 'j:2: expected hyperparameters of the search,'],
  [['{"trial":1,"epoch":1,"value":0.5,"seconds":1}'], 'j:2: expected a trial that was begun,'],
  [
    [BEGAN, '{"trial":1,"epoch":2,"value":0.5,"seconds":1}'],
    'j:3: expected a value from 0 to 1 of epoch 1 of trial 1,',
  ],
  [
    [BEGAN, '{"trial":1,"epoch":1,"value":null,"seconds":1}'],
    'j:3: expected a value from 0 to 1 of epoch 1 of trial 1,',
  ],
  [[BEGAN, '{"trial":1,"state":"happy","at":1}'], 'j:3: expected a state,'],
] as const) {
  test(`a damaged journal is refused: ${expected}`, () => {
    assert.throws(
      () => replayJournal(new Search(planOf()), lines, 'j'),
      (error: Error) => error instanceof InputError && error.message.startsWith(expected),
    );
  });
}

test('a journal of another search is refused with what differs', () => {
  const search = { seed: 1, space: ['vector_dim=8:256:log'] };
  const line = JSON.stringify(journalHead(search));
  requireSameSearch(line, { ...search }, 'j');
  assert.throws(() => requireSameSearch(line, { ...search, seed: 2 }, 'j'), {
    message:
      'j: this journal is of another search: seed was 1, and is now 2. Give the same options and data to go on, another --journal, or remove it to begin anew.',
  });
  assert.throws(() => requireSameSearch('{"kind":"x"}', search, 'j'), {
    message:
      'j:1: expected the head of a tuning journal, got "{\\"kind\\":\\"x\\"}". Name another file with --journal.',
  });
  assert.throws(() => requireSameSearch(line.replace('"version":1', '"version":9'), search, 'j'), {
    message: 'j: written as v9, this build reads v1. Upgrade, or remove it to begin anew.',
  });
});
