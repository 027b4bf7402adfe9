// Replays the steps of a Dockerfile with chroot. To be run in a mount namespace of its own: nothing is unmounted here.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, posix, relative } from 'node:path';
import { baseRoot } from './baseRoot.mjs';
import { run, timed } from './commands.mjs';
import { parseCopy, parseDockerfile, parseIgnoreFile, parseList, parsePairs } from './dockerfile.mjs';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * @param context the folder with Dockerfile and .dockerignore
 * @param work    a folder for the stages' roots, empty
 * @param bases   where bases are kept
 * @returns the last stage: { root, base, environment, labels, ports, entryPoint, workdir }
 */
export function buildImage(context, work, bases, mirror) {
  const isLeftOut = parseIgnoreFile(readFileSync(join(context, '.dockerignore'), 'utf8'));
  const built = [];
  for (const { from, name, steps } of parseDockerfile(readFileSync(join(context, 'Dockerfile'), 'utf8'))) {
    const base = baseRoot(from, bases, mirror);
    const root = join(work, `stage${built.length}`);
    run('cp', ['-a', base, root]);
    const stage = {
      ...{ name, root, base, workdir: '/', environment: { PATH }, labels: {}, ports: [], entryPoint: [] },
    };
    for (const step of steps) {
      timed(`Dockerfile:${step.line}: ${step.instruction} ${step.text}`, () =>
        STEPS[step.instruction](stage, step, { context, isLeftOut, built }),
      );
    }
    built.push(stage);
  }
  return built.at(-1);
}

/** A path of the image, on this machine. */
const inRoot = (stage, path) => join(stage.root, posix.resolve(stage.workdir, path));

const STEPS = {
  WORKDIR(stage, { text }) {
    stage.workdir = posix.resolve(stage.workdir, text);
    mkdirSync(inRoot(stage, '.'), { recursive: true });
  },
  ENV(stage, step) {
    Object.assign(stage.environment, Object.fromEntries(parsePairs(step)));
  },
  LABEL(stage, step) {
    Object.assign(stage.labels, Object.fromEntries(parsePairs(step)));
  },
  EXPOSE(stage, { text }) {
    stage.ports.push(Number(text));
  },
  ENTRYPOINT(stage, step) {
    stage.entryPoint = parseList(step);
  },
  RUN(stage, { text }) {
    runIn(stage, text);
  },
  COPY(stage, step, { context, isLeftOut, built }) {
    const { from, sources, target } = parseCopy(step);
    const other = from === undefined ? undefined : built.find(({ name }) => name === from);
    if (from !== undefined && !other) throw new Error(`Dockerfile:${step.line}: there is no stage ${from}.`);
    const isFolder = target.endsWith('/') || sources.length > 1;
    for (const source of sources) {
      const path = join(other?.root ?? context, source);
      if (!existsSync(path)) throw new Error(`Dockerfile:${step.line}: COPY: there is no ${source}.`);
      const files = other ? undefined : keptFiles(path, (file) => isLeftOut(relative(context, file)));
      if (files?.length === 0)
        throw new Error(`Dockerfile:${step.line}: .dockerignore leaves ${source} out.`);
      // Of a folder it is the content that is copied.
      const into = inRoot(stage, target);
      const isFile = statSync(path).isFile();
      const place = isFile && isFolder ? join(into, basename(path)) : into;
      mkdirSync(dirname(place), { recursive: true });
      if (other || isFile) run('cp', ['-aT', path, place]);
      else for (const file of files) cpSync(file, join(place, relative(path, file)));
    }
  },
};

/** Files at and below a path that .dockerignore keeps. */
function keptFiles(path, isLeftOut) {
  if (!statSync(path).isDirectory()) return isLeftOut(path) ? [] : [path];
  return readdirSync(path).flatMap((name) => keptFiles(join(path, name), isLeftOut));
}

/** A RUN step. What this machine reaches the npm registry by is there while the step runs, and never part of the image. */
function runIn(stage, command) {
  const [proc, secrets] = [join(stage.root, 'proc'), join(stage.root, 'run')];
  run('mount', ['-t', 'proc', 'proc', proc]);
  run('mount', ['-t', 'tmpfs', 'none', secrets]);
  try {
    const env = { ...stage.environment, HOME: '/root', ...npmSettings(secrets) };
    const resolver = join(stage.root, 'etc/resolv.conf');
    writeFileSync(resolver, readFileSync('/etc/resolv.conf'));
    run('chroot', [stage.root, '/bin/sh', '-c', `cd '${stage.workdir}' && ${command}`], { env });
  } finally {
    for (const folder of [secrets, proc]) run('umount', [folder]);
  }
}

/** Copies npm's settings and certificates of this machine into a folder that is /run inside. @returns environment variables */
function npmSettings(folder) {
  const setting = (key) => {
    const value = run('npm', ['config', 'get', key]).trim();
    return value === 'null' || value === 'undefined' ? '' : value;
  };
  const env = {};
  const hand = (variable, path, name) => {
    if (!path || !existsSync(path)) return;
    cpSync(path, join(folder, name));
    env[variable] = `/run/${name}`;
  };
  hand('npm_config_userconfig', setting('userconfig'), 'user.npmrc');
  hand('npm_config_globalconfig', setting('globalconfig'), 'global.npmrc');
  hand('npm_config_cafile', setting('cafile'), 'registry.pem');
  hand('NODE_EXTRA_CA_CERTS', process.env.NODE_EXTRA_CA_CERTS, 'extra.pem');
  // Files above, and what npm sets for itself where this script is started by it.
  const own =
    /^npm_config_(userconfig|globalconfig|cafile|prefix|local_prefix|cache|init_module|node_gyp|noproxy)$/i;
  for (const [key, value] of Object.entries(process.env)) {
    const isProxy = /^(https?_proxy|no_proxy)$/i.test(key);
    if (isProxy || (/^npm_config_/i.test(key) && !own.test(key))) env[key] = value;
  }
  return env;
}
