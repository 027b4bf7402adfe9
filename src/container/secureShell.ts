/*
 * ssh between the hosts of one job, by which mpirun starts a rank on each. Its keys are made for the job and go with it; each host
 * knows the others by theirs (StrictHostKeyChecking), and lets in nobody but the first one.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InputError } from '../errors.ts';
import { writeFailure } from '../files/atomicFile.ts';
import type { Introduction } from './hostMeeting.ts';

const PORT = 2222;
const START_MILLISECONDS = 20_000;
const LOOK_MILLISECONDS = 50;

/** The path of a program that a job over several hosts needs. @throws InputError where it is not there */
export function programPath(name: string, debianPackage: string): string {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/bin']) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next one may have it.
    }
  }
  throw new InputError(
    `expected the program ${name}, which a job over several hosts needs, found none. Install Debian's package ${debianPackage}, or build the image from this project's Dockerfile.`,
  );
}

/** A folder for keys and settings of one job, which nobody else can look into. @throws InputError where none can be made */
export function makeSecretFolder(): string {
  const path = join(tmpdir(), 'ip-insights-hosts-');
  try {
    return mkdtempSync(path);
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/** Makes a pair of keys in a folder. @returns the path of the secret one, and the public one as a line */
export function makeKeys(folder: string, name: string): { path: string; publicKey: string } {
  const path = join(folder, name);
  const keygen = programPath('ssh-keygen', 'openssh-client');
  const { status, stderr } = spawnSync(keygen, ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new InputError(`${path}: ssh-keygen cannot make a key: ${stderr.trim()}.`);
  return { path, publicKey: readFileSync(`${path}.pub`, 'utf8').trim() };
}

/** Writes how the first host reaches the others. @returns the command, without the name of a host */
export function writeClientSettings(
  folder: string,
  keyPath: string,
  others: { introduction: Introduction; address: string }[],
): string {
  const knownHosts = join(folder, 'known_hosts');
  const settings = join(folder, 'ssh_config');
  writeFileSync(
    knownHosts,
    others.map(({ introduction: { host, hostKey } }) => `${host} ${hostKey}\n`).join(''),
  );
  const places = others.flatMap(({ introduction: { host, user }, address }) => [
    `Host ${host}`,
    `HostName ${address}`,
    `HostKeyAlias ${host}`,
    `User ${user}`,
  ]);
  const lines = [
    ...places,
    'Host *',
    `Port ${PORT}`,
    `IdentityFile ${keyPath}`,
    'IdentitiesOnly yes',
    'BatchMode yes',
    'StrictHostKeyChecking yes',
    `UserKnownHostsFile ${knownHosts}`,
    'GlobalKnownHostsFile /dev/null',
    'ConnectTimeout 30',
    'ServerAliveInterval 30',
    'LogLevel ERROR',
  ];
  writeFileSync(settings, `${lines.join('\n')}\n`);
  return `${programPath('ssh', 'openssh-client')} -F ${settings}`;
}

/** What a rank needs of this container's environment. */
const INHERITED =
  /^(PATH|HOME|LANG|TMPDIR|LD_LIBRARY_PATH|TZ|NODE_.*|IP_INSIGHTS_(?!MPI$|RANK_).*|OMPI_MCA_.*)$/;

const inShell = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** sshd for the first host alone, as the user of this process. */
export class SecureShell {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /**
   * Starts it, and waits until it answers.
   * @param clientKey of whom may come in
   * @throws InputError where it does not start
   */
  static async start(
    folder: string,
    hostKeyPath: string,
    clientKey: string,
    address: string,
  ): Promise<SecureShell> {
    const program = programPath('sshd', 'openssh-server');
    const [authorizedKeys, session, settings] = ['authorized_keys', 'session', 'sshd_config'].map((name) =>
      join(folder, name),
    );
    writeFileSync(authorizedKeys, `restrict ${clientKey}\n`);
    const own = Object.entries(process.env).filter(([name]) => INHERITED.test(name));
    const exported = own.map(([name, value]) => `export ${name}=${inShell(value ?? '')}\n`);
    writeFileSync(session, `#!/bin/sh\n${exported.join('')}exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n`, {
      mode: 0o700,
    });
    const lines = [
      `ListenAddress ${address}`,
      `Port ${PORT}`,
      `HostKey ${hostKeyPath}`,
      `AuthorizedKeysFile ${authorizedKeys}`,
      'AuthenticationMethods publickey',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      `ForceCommand ${session}`,
      // The folder is this user's alone; what is above it, such as /tmp, others may write to.
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'PrintMotd no',
      'PrintLastLog no',
      // Whoever looks whether it listens would be an error.
      'LogLevel FATAL',
      'ClientAliveInterval 30',
    ];
    writeFileSync(settings, `${lines.join('\n')}\n`);
    if (process.getuid?.() === 0) makePrivilegeFolder();
    const child = spawn(program, ['-D', '-e', '-f', settings], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text) => {
      said += text;
      process.stderr.write(text);
    });
    let why: string | undefined;
    child.on('error', (error) => {
      why = error.message;
    });
    child.on('exit', () => {
      why ??= said.trim() || 'it ended';
    });
    const until = performance.now() + START_MILLISECONDS;
    while (!(await answers(address))) {
      if (why === undefined && performance.now() < until) {
        await sleep(LOOK_MILLISECONDS);
        continue;
      }
      child.kill();
      throw new InputError(
        `sshd does not start on port ${PORT} of ${address}: ${why ?? 'no answer'}. Free the port, or mend what it says.`,
      );
    }
    return new SecureShell(child);
  }

  end(): void {
    this.#child.kill();
  }
}

/** Where sshd, as root, puts the part of it that reads from the network; an init system would make it. */
function makePrivilegeFolder(): void {
  if (existsSync('/run/sshd')) return;
  try {
    mkdirSync('/run/sshd', { mode: 0o755 });
  } catch {
    // sshd says what is missing.
  }
}

/** Whether something that speaks ssh listens there. */
function answers(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: PORT });
    const end = (found: boolean) => {
      socket.destroy();
      resolve(found);
    };
    socket.once('data', (bytes) => end(bytes.toString('latin1').startsWith('SSH-')));
    socket.on('error', () => end(false));
    socket.setTimeout(2000, () => end(false));
  });
}
