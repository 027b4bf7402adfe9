import { useMemo } from 'preact/hooks';
import { trainingChart } from '../../../src/drawing/trainingChart.ts';
import type { ModelAnswer } from '../../../src/serve/console/contract.ts';
import { Drawing } from '../../drawing.tsx';
import { Name, timeText } from '../../text.tsx';

const SIZE = { width: 380, height: 230 };

/** How the vectors learned, epoch by epoch. */
export function Training({ model }: { model: ModelAnswer }) {
  const { training } = model;
  const charts = useMemo(() => {
    const aucs = training.map(({ discriminator_auc: auc }) => auc);
    const given: [string, number[]][] = [
      ['cross entropy (nats)', training.map(({ cross_entropy: nats }) => nats)],
      ['accuracy', training.map(({ accuracy }) => accuracy)],
    ];
    if (aucs.every((auc): auc is number => auc !== null)) given.push(['discriminator AUC', aucs]);
    return given
      .filter(([, values]) => values.length > 0)
      .map(([title, values]) => ({ title, picture: trainingChart(values, title, SIZE) }));
  }, [training]);
  if (charts.length === 0) return null;
  return (
    <section>
      <h2>How the vectors learned</h2>
      <div class="ov-triple">
        {charts.map(({ title, picture }) => (
          <Drawing key={title} picture={picture} />
        ))}
        {charts.length < 3 && (
          <p class="soft ov-aside">
            No discriminator AUC: the model was trained without <code>--validation</code>.
          </p>
        )}
      </div>
    </section>
  );
}

/** All that the model was trained with. */
export function Settings({ model }: { model: ModelAnswer }) {
  const { hyperparameters, fitted_on: fitted, tables } = model;
  const rows: [string, string | number][] = [
    ['trained by', `ip-insights ${model.trained_by}`],
    ['seed', model.seed],
    [
      'file',
      `${(model.size_bytes / 1e6).toFixed(1)} MB, loaded ${timeText(Date.parse(model.loaded_at) / 1000)} UTC`,
    ],
    ['vectors', model.vector_bits === 8 ? '8 bits a number' : 'floats'],
    [
      'fitted on',
      `${fitted.events.toLocaleString('en')} ${fitted.by_time ? 'later' : 'held-out'} events, ${fitted.new_places.toLocaleString('en')} from new places`,
    ],
    ...Object.entries(hyperparameters),
  ];
  return (
    <details class="ov-settings">
      <summary>Hyperparameters and file</summary>
      <dl>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {typeof value === 'number' ? value.toLocaleString('en', { maximumFractionDigits: 12 }) : value}
            </dd>
          </div>
        ))}
        {tables.map(({ kind, name }) => (
          <div key={`${kind} ${name}`}>
            <dt>{kind === 'asn' ? 'provider table' : 'country table'}</dt>
            <dd>
              <Name text={name} />
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
