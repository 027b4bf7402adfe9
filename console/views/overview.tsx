import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { EvaluationAnswer, ModelAnswer } from '../../src/serve/console/contract.ts';
import { useAnswer } from '../answers.ts';
import { Waiting } from '../parts.tsx';
import type { Route } from '../route.ts';
import { Name } from '../text.tsx';
import { CalibrationTable } from './overview/calibration.tsx';
import { Headline } from './overview/headline.tsx';
import { honestFigures } from './overview/rates.ts';
import { ThresholdSection } from './overview/threshold.tsx';
import { Settings, Training } from './overview/training.tsx';
import './overview.css';

/** What the model is, what its threshold does, and what another one would do. */
export function OverviewView(_: { route: Route }) {
  const model = useAnswer<ModelAnswer>('v1/model');
  const evaluation = useAnswer<EvaluationAnswer>(model.answer?.has_evaluation ? 'v1/evaluation' : undefined);
  const isSettled =
    model.answer?.has_evaluation === false ||
    evaluation.answer !== undefined ||
    evaluation.error !== undefined;
  // Whether the figures are of the model in use must be asked anew when that is another one.
  const identity = model.answer?.identity;
  const before = useRef(identity);
  const { again } = evaluation;
  useEffect(() => {
    if (before.current !== undefined && before.current !== identity) again();
    before.current = identity;
  }, [identity, again]);
  const honest = useMemo(
    () => model.answer && honestFigures(model.answer, evaluation.answer),
    [model.answer, evaluation.answer],
  );
  if (!model.answer || !isSettled) {
    return (
      <>
        <h1>Overview</h1>
        <Waiting of={model} what="the model" />
      </>
    );
  }
  const card = model.answer;
  return (
    <div class="overview">
      <h1>{card.file === null ? 'The model' : <Name text={card.file} />}</h1>
      <Headline model={card} evaluation={evaluation.answer} />
      <ThresholdSection
        model={card}
        evaluation={evaluation.answer}
        evaluationError={evaluation.error}
        honest={honest}
        onSaved={model.again}
      />
      {evaluation.answer?.matches && <CalibrationTable evaluation={evaluation.answer} />}
      <Training model={card} />
      <Settings model={card} />
    </div>
  );
}
