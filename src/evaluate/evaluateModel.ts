import { counted, grouped, InputError } from '../errors.ts';
import { type Events, selectEvents } from '../events/events.ts';
import { Model } from '../model/model.ts';
import { PURPOSE, permutation, RandomStream } from '../random/philox.ts';
import { calibrationRows } from './calibrationTable.ts';
import { type Contest, drawnContests, labelledContests, type Subset, subsetsOf } from './contests.ts';
import { Judge } from './detectorQuality.ts';
import {
  baselineDetectors,
  historyDetector,
  mixtureDetector,
  neuralDetector,
  oracleDetector,
} from './detectors.ts';
import type { Comparison, Evaluation, EvaluationData, EventCounts, InputNames } from './evaluation.ts';
import { fittingOracle } from './fittingOracle.ts';
import { FreemanBaseline } from './freeman.ts';
import { AccountHistory } from './history.ts';
import { chooseKnownEvents, chooseLabelledEvents, honestTraffic, splitHonestEvents } from './honestSample.ts';
import { type JudgedModel, judgedModel } from './judgedModel.ts';
import { Population } from './population.ts';
import { strangestEvents } from './strangest.ts';

export interface EvaluationOptions {
  /** honest events that rates are measured on; as many again set the thresholds. Default 100,000, the tutorial's */
  sampleSize?: number;
  /** integer from 0: fixes samples and attacks. Default 1 */
  seed?: number;
  /** how messages and reports call the inputs */
  names?: Partial<InputNames>;
  /** told what is being done next */
  onStage?: (stage: string) => void;
}

/** How many of the strangest events are kept for people to read. */
const STRANGEST = 15;

/**
 * Judges a model on honest events that it has not seen, against attackers that are drawn or labelled, side by side with
 * detectors that need no learning. Events of accounts that training has not seen are left out and counted, as their
 * scores mean nothing. The same data and seed give the same figures.
 * @throws InputError where the data allow no judgement: no event of a known account, labels of one class, the truth of
 *   another log
 */
export function evaluateModel(
  given: Model | JudgedModel,
  data: EvaluationData,
  options: EvaluationOptions = {},
): Evaluation {
  const model = given instanceof Model ? judgedModel(given) : given;
  const { sampleSize = 100_000, seed = 1, onStage = () => {} } = options;
  const names = completeNames(data, options.names);
  const notes: string[] = [];
  requireOneDictionary(data);

  onStage('learning the baselines');
  const history = new AccountHistory(data.train);
  const isKnown = knownAccounts(model, history, data.train, names);
  const accounts = isKnown.reduce((sum, one) => sum + one, 0);

  onStage('drawing samples and attacks');
  const test = data.test && chooseKnownEvents(data.test, isKnown, names.test!, names.train);
  const labelled =
    data.labelled && chooseLabelledEvents(data.labelled, isKnown, names.labelled!, names.train);
  if (test) noteLeftOut(notes, names.test!, test.counts);
  if (labelled) noteLeftOut(notes, names.labelled!, labelled.counts);
  const allHonest = test?.events ?? labelled?.honest;
  if (!allHonest) throw new InputError('evaluate: expected test events or labelled events, got neither.');
  const honestName = test ? names.test! : names.labelled!;
  const places = splitHonestEvents(allHonest.count, sampleSize, seed, honestName);
  const honest = selectEvents(allHonest, places.evaluation);
  const drawn = drawnContests(model, honest, data, seed, notes);
  const contests = test
    ? [...drawn, ...labelledContests(labelled)]
    : [...labelledContests(labelled), ...drawn];

  const main = mixtureDetector(model);
  const judge = new Judge([
    main,
    historyDetector(model),
    neuralDetector(model),
    ...baselineDetectors(history, new Population(data.train), freemanOf(model, data.train)),
  ]);
  if (data.truth) {
    const oracle = fittingOracle(data.truth, data.ranges, honest, names);
    if (typeof oracle === 'string') notes.push(oracle);
    else judge.detectors.push(oracleDetector(oracle));
  }

  onStage(`scoring ${counted(allHonest.count, 'honest event')}`);
  const anomalies = judge.anomalies(main, allHonest, '');
  const sortedAt = (positions: Uint32Array) => Float64Array.from(positions, (i) => anomalies[i]).sort();
  const evaluation = sortedAt(places.evaluation);

  const compared = (contest: Contest, subset?: Subset): Comparison => {
    const { attacker, title, attacks } = contest;
    const ranked = judge.ranked(main, contest.honest, attacks, attacker);
    // Labelled honest events that stand in for a test set set the thresholds, all but the evaluation sample.
    const isUnused = contest.honest === honest || test !== undefined;
    return {
      attacker,
      title,
      honestKind: subset?.id ?? contest.honestKind,
      honestTitle: subset?.title ?? contest.honestKind,
      honestEvents: subset?.positions.length ?? contest.honest.count,
      attackEvents: subset?.positions.length ?? attacks.count,
      detectors: judge.compare(contest.honest, attacks, attacker, subset?.positions),
      model: ranked,
      unusedHonest: isUnused ? ranked.honest : evaluation,
    };
  };
  const comparisons = contests.map((contest): Comparison => {
    if (contest.honestKind === null) onStage(`judging: ${contest.title}`);
    return compared(contest);
  });
  if (test) {
    onStage('judging: new addresses and sparse accounts apart');
    for (const contest of contests) {
      if (contest.honestKind !== null || !contest.isPaired) continue;
      comparisons.push(...subsetsOf(history, contest.honest).map((subset) => compared(contest, subset)));
    }
    const cold = coldEvents(data.test!, isKnown, sampleSize, seed);
    if (cold) {
      for (const contest of drawnContests(model, cold, data, seed, [])) {
        comparisons.push({
          ...compared({ ...contest, honestKind: 'new_account' }),
          honestTitle: 'accounts not in training',
        });
      }
    }
  }
  const octets = comparisons.find(({ attacker }) => attacker === 'octets')!;
  const traffic = test
    ? honestTraffic(allHonest, honestName)
    : 'only test events (--test) hold all honest traffic';
  if (typeof traffic === 'string') notes.push(`No thresholds by alerts a day: ${traffic}.`);
  const [first] = contests;
  return {
    card: model.card,
    names,
    seed,
    sampleSize,
    train: { events: data.train.count, accounts },
    test: test ? test.counts : null,
    labelled: labelled
      ? { ...labelled.counts, honest: labelled.honest.count, attacks: labelled.attacks.count }
      : null,
    ranges: data.ranges?.identity ?? null,
    detectors: judge.detectors.map(({ id, title, meaning }) => ({ id, title, meaning })),
    comparisons,
    calibration: test ? calibrationRows(model, data.test!) : null,
    discriminatorAuc: octets.detectors.find(({ detector }) => detector === 'neural')!.areaUnderCurve,
    honest: {
      evaluation,
      calibration: sortedAt(places.calibration),
      outsideEvaluation: sortedAt(places.outsideEvaluation),
    },
    traffic: typeof traffic === 'string' ? null : traffic,
    strangestHonest: strangestEvents(allHonest, anomalies, history, STRANGEST),
    strangestAttacks: strangestEvents(
      first.attacks,
      judge.anomalies(main, first.attacks, ''),
      history,
      STRANGEST,
    ),
    notes,
  };
}

/** Events of accounts that training has not seen, at most a sample of them; undefined where they are too few to say anything. */
function coldEvents(
  events: Events,
  isKnown: Uint8Array,
  sampleSize: number,
  seed: number,
): Events | undefined {
  const positions: number[] = [];
  for (let i = 0; i < events.count; i++) if (isKnown[events.entity[i]] === 0) positions.push(i);
  if (positions.length < LEAST_COLD) return undefined;
  const order = permutation(positions.length, new RandomStream(seed, PURPOSE.sampling, 1));
  const chosen = order.subarray(0, sampleSize).sort();
  return selectEvents(
    events,
    Uint32Array.from(chosen, (k) => positions[k]),
  );
}
const LEAST_COLD = 100;

/** The published baseline, with the provider and country tables of the model. */
function freemanOf(model: JudgedModel, train: Events): FreemanBaseline {
  const ofKind = (kind: string) => model.tables.filter(({ parts }) => parts.kind === kind);
  const tables = [...ofKind('asn').slice(0, 1), ...ofKind('country').slice(0, 1)];
  return new FreemanBaseline(
    train,
    tables.map((table) => (words, index) => table.find(words, index)),
  );
}

/** Numbers of entities of two dictionaries must not be taken for each other. */
function requireOneDictionary({ train, test, labelled }: EvaluationData): void {
  for (const events of [test, labelled?.events]) {
    if (events && events.entities !== train.entities) {
      throw new InputError(
        'evaluate: expected events that share the dictionary of the training events, got another one. Read or collect them with train.entities.',
      );
    }
  }
}

function completeNames(data: EvaluationData, given: Partial<InputNames> = {}): InputNames {
  return {
    model: 'the model',
    train: 'the training events',
    test: data.test ? 'the test events' : null,
    labelled: data.labelled ? 'the labelled events' : null,
    ranges: data.ranges?.identity.name ?? null,
    truth: data.truth ? 'the truth' : null,
    country: data.countries ? 'the countries' : null,
    attack_lists: data.lists?.map(({ name }) => name).join(', ') || null,
    ...given,
  };
}

/**
 * @returns u8[E]: 1 for entities that are in the training events and that the model has seen
 * @throws InputError where the model has seen none of them
 */
function knownAccounts(
  model: JudgedModel,
  history: AccountHistory,
  { entities }: Events,
  names: InputNames,
): Uint8Array {
  const isKnown = new Uint8Array(entities.count);
  const known = model.eventsOf(entities);
  let trained = 0;
  for (let e = 0; e < entities.count; e++) {
    if (history.eventsOf(e) === 0) continue;
    trained++;
    if (known[e] >= 0) isKnown[e] = 1;
  }
  if (!isKnown.includes(1)) {
    throw new InputError(
      `${names.model}: expected a model trained on ${names.train}, got one that has seen none of its ${counted(trained, 'account')}. Name the file that it was trained on with --train.`,
    );
  }
  return isKnown;
}

function noteLeftOut(notes: string[], name: string, { events, eventsLeftOut }: EventCounts): void {
  if (eventsLeftOut === 0) return;
  notes.push(
    `${grouped(eventsLeftOut)} of ${counted(events, 'event')} in ${name} left out: their accounts were not seen in training.`,
  );
}
