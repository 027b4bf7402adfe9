import { InputError, quoted } from '../errors.ts';
import { OPT_ML, readJsonObject } from './optMl.ts';

/** The hosts of a job, by `resourceconfig.json`. */
export interface JobHosts {
  /** this one, as metric lines name it */
  current: string;
  /** in the order of the numbers in their names; the first one conducts the job and writes the model */
  all: string[];
  /** what the hosts reach each other through; undefined where nothing names it and there is one host */
  networkInterface: string | undefined;
}

/** What SageMaker starts for one job at most, without asking for more. */
const MOST_HOSTS = 100;

const isName = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(value);

/**
 * Which hosts a job has, and which this one is; `algo-1` alone where nothing says it.
 * @throws InputError where the file says what cannot be
 */
export function readJobHosts(): JobHosts {
  const path = OPT_ML.resourceConfig;
  const given = readJsonObject(path) ?? {};
  const { current_host: current = 'algo-1', hosts = [current] } = given;
  const refuse = (expected: string, got: unknown): never => {
    throw new InputError(`${path}: expected ${expected}, got ${quoted(JSON.stringify(got))}. Mend the file.`);
  };
  if (!isName(current)) return refuse('the name of this host as current_host, such as "algo-1"', current);
  if (!Array.isArray(hosts) || !hosts.every(isName)) {
    return refuse('names of hosts as hosts, such as ["algo-1"]', hosts);
  }
  if (hosts.length > MOST_HOSTS) refuse(`at most ${MOST_HOSTS} hosts`, hosts.length);
  if (new Set(hosts).size < hosts.length) refuse('each of the hosts once', hosts);
  if (!hosts.includes(current)) refuse(`current_host, ${current}, among the hosts`, hosts);
  const name = given.network_interface_name;
  // A name of Linux: 15 bytes at most.
  const isInterface = typeof name === 'string' && /^[^\s/,]{1,15}$/.test(name);
  if (hosts.length > 1 && !isInterface) {
    refuse('network_interface_name, such as "eth0", where there are several hosts', name ?? null);
  }
  return {
    current,
    all: [...hosts].sort(new Intl.Collator('en', { numeric: true }).compare),
    networkInterface: isInterface ? name : undefined,
  };
}
