/** A job under the real /opt/ml, which no environment variable replaces. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sampleLogins } from '../cli/sampleLogins.ts';
import { CSV_CHANNEL, layOut, MAIN, namesIn, ONE_HOST, QUICK, readText } from './sampleJob.ts';

const JOB = {
  hyperparameters: QUICK,
  inputDataConfig: { train: CSV_CHANNEL },
  resourceConfig: ONE_HOST,
  data: { 'train/a.csv': sampleLogins(300, 3) },
};

const { IP_INSIGHTS_OPT_ML: _, ...env } = process.env;
const run = (command: string, args: string[]) => spawnSync(command, args, { encoding: 'utf8', env });

/** Makes /opt/ml where there is none. @returns whether it did; what is there already is somebody's */
function makeFolder(): boolean {
  try {
    mkdirSync('/opt/ml');
    return true;
  } catch {
    return false;
  }
}

test('train works under /opt/ml', () => {
  const outside = mkdtempSync(join(tmpdir(), 'ip-insights-opt-'));
  const isOurs = makeFolder();
  try {
    if (isOurs) {
      layOut('/opt/ml', JOB);
      const { status, stderr } = run(process.execPath, [MAIN, 'train']);
      assert.equal(status, 0, stderr);
      for (const name of ['model', 'output']) {
        assert.equal(run('cp', ['-r', join('/opt/ml', name), outside]).status, 0);
      }
    } else {
      // A disk of its own over /opt, or over /opt/ml alone where that is there, which vanishes with the processes.
      const mountPoint = existsSync('/opt/ml') ? '/opt/ml' : '/opt';
      layOut(join(outside, 'ml'), JOB);
      const command = `mount -t tmpfs none ${mountPoint} && mkdir -p /opt/ml && cp -r '${outside}/ml/.' /opt/ml && '${process.execPath}' '${MAIN}' train && cp -r /opt/ml/model /opt/ml/output '${outside}'`;
      const { status, stderr } = run('unshare', ['--map-root-user', '--mount', 'sh', '-c', command]);
      assert.equal(
        status,
        0,
        `${stderr}\n/opt/ml is somebody else's or cannot be made, and no disk can be mounted over it here. Remove it, or run this as root or with user namespaces (unshare --map-root-user --mount).`,
      );
    }
    assert.deepEqual(namesIn(outside, 'model'), ['ip-insights.model']);
    assert.deepEqual(namesIn(outside, 'output'), ['data']);
    assert.equal(JSON.parse(readText(outside, 'output/data/training.json')).data.events, 300);
  } finally {
    if (isOurs) rmSync('/opt/ml', { recursive: true });
    rmSync(outside, { recursive: true });
  }
});
