// Hosting in the image, as SageMaker starts it.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { HYPERPARAMETERS, layOut } from './checkTraining.mjs';
import { run } from './commands.mjs';

const PORT = 18_085;
const URL = `http://127.0.0.1:${PORT}`;

/** @returns lines that say what was seen; throws where something is not as it must be */
export async function checkServing(container) {
  const report = [];
  for (const user of ['0:0', '1000:1000']) {
    layOut(container.optMl, HYPERPARAMETERS);
    run('chown', ['-R', user, container.optMl]);
    const trained = await container.run(['train'], { user });
    assert.equal(trained.status, 0, trained.stderr);
    const started = performance.now();
    // The host's network, of which only this machine's own address is used.
    const environment = { SAGEMAKER_BIND_TO_PORT: String(PORT), IP_INSIGHTS_HOST: '127.0.0.1' };
    const child = container.start(['serve'], { user, network: true, environment });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        said += text;
      });
    }
    const ended = new Promise((resolve) => child.on('close', resolve));
    try {
      const milliseconds = await answersPing(started, () => said);
      const answer = await fetch(`${URL}/invocations`, {
        method: 'POST',
        headers: { 'content-type': 'text/csv' },
        body: 'user_1,10.1.2.3\n',
      });
      const { predictions } = await answer.json();
      assert.equal(typeof predictions[0].dot_product, 'number');
      report.push(
        `serve as ${user}, root read-only: /ping answers after ${milliseconds.toFixed(0)} ms, dot_product ${predictions[0].dot_product}`,
      );
    } finally {
      // unshare stands between, and passes no signal on.
      run('pkill', ['-TERM', '--parent', String(child.pid)]);
    }
    assert.equal(await ended, 0, said);
    report.push('SIGTERM to process 1: exit 0');
  }
  return report;
}

/** @returns milliseconds since the start until /ping is answered */
async function answersPing(started, said) {
  for (let tries = 0; tries < 200; tries++) {
    const response = await fetch(`${URL}/ping`).catch(() => undefined);
    if (response?.status === 200) return performance.now() - started;
    await delay(50);
  }
  throw new Error(`serve: /ping was not answered within 10 s: ${said()}`);
}
