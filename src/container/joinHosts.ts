import { rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { InputError } from '../errors.ts';
import { SIGNAL_EXIT_CODES } from '../files/atomicFile.ts';
import { version } from '../version.ts';
import { meetingSeconds, onStopSignals, ownAddress } from './conductHosts.ts';
import { type FirstHost, meetFirst, type Outcome } from './hostMeeting.ts';
import type { JobHosts } from './jobHosts.ts';
import { makeKeys, makeSecretFolder, SecureShell } from './secureShell.ts';

/** Any host of a job but the first: it lets that one start a rank here, and waits until it says how the job has ended. */
export async function joinHosts(hosts: JobHosts): Promise<Outcome> {
  const folder = makeSecretFolder();
  let first: FirstHost | undefined;
  let shell: SecureShell | undefined;
  const leave = onStopSignals((signal) => {
    if (first) {
      first.stop(signal);
      return;
    }
    process.stderr.write(`stopped by ${signal}: before the hosts of the job had met; no model was written\n`);
    rmSync(folder, { recursive: true, force: true });
    process.exit(SIGNAL_EXIT_CODES[signal]);
  });
  try {
    const limitSeconds = meetingSeconds();
    const address = ownAddress(hosts);
    const { path, publicKey } = makeKeys(folder, 'host');
    process.stderr.write(`${hosts.all.length} hosts: ${hosts.all.join(', ')}; ${hosts.all[0]} conducts\n`);
    // Of the key, what is before the comment.
    const hostKey = publicKey.split(' ').slice(0, 2).join(' ');
    const introduction = {
      host: hosts.current,
      hosts: hosts.all,
      version,
      user: userInfo().username,
      hostKey,
    };
    first = await meetFirst(hosts, introduction, limitSeconds);
    const begun = await Promise.race([first.publicKey, first.outcome]);
    if (typeof begun !== 'string') return begun;
    try {
      shell = await SecureShell.start(folder, path, begun, address);
      first.ready();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      first.fail(error.message);
    }
    return await first.outcome;
  } finally {
    leave();
    first?.leave();
    shell?.end();
    rmSync(folder, { recursive: true, force: true });
  }
}
