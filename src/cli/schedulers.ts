import { quoted, UsageError } from '../errors.ts';

/** What a scheduler tells one of its tasks. */
export interface Task {
  /** from 0 */
  index: number;
  /** undefined where it does not tell how many there are */
  count: number | undefined;
  /** the variable with the index, for messages */
  variable: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface Scheduler {
  name: string;
  /** says that a task is one of several */
  variable: string;
  read(environment: Environment): Task;
}

/** The variables of each, in the words of its manual. An array job of Slurm goes before the tasks that it starts. */
const SCHEDULERS: readonly Scheduler[] = [
  { name: "Slurm's job arrays", variable: 'SLURM_ARRAY_TASK_ID', read: slurmArrayTask },
  { name: "Slurm's srun", variable: 'SLURM_PROCID', read: srunTask },
  {
    name: "Kubernetes' indexed Jobs",
    variable: 'JOB_COMPLETION_INDEX',
    read: (environment) => plainTask(environment, 'JOB_COMPLETION_INDEX', undefined),
  },
  {
    name: "AWS Batch's array jobs",
    variable: 'AWS_BATCH_JOB_ARRAY_INDEX',
    read: (environment) => plainTask(environment, 'AWS_BATCH_JOB_ARRAY_INDEX', 'AWS_BATCH_JOB_ARRAY_SIZE'),
  },
];

/**
 * Which of how many tasks this process is, as its scheduler says in environment variables.
 * @throws UsageError where none says it, several do, or what they say makes no sense
 */
export function scheduledTask(environment: Environment): Task {
  const found = SCHEDULERS.filter(({ variable }) => (environment[variable] ?? '') !== '').filter(
    ({ variable }, _, all) => variable !== 'SLURM_PROCID' || all[0].variable !== 'SLURM_ARRAY_TASK_ID',
  );
  const variables = (of: readonly Scheduler[]) =>
    of.map(({ name, variable }) => `${variable} (${name})`).join(', ');
  if (found.length === 0) {
    throw new UsageError(
      `--shard auto: expected a scheduler's variable, found none of ${variables(SCHEDULERS)}. Elsewhere say which shard it is, such as --shard 3/10.`,
    );
  }
  if (found.length > 1) {
    throw new UsageError(
      `--shard auto: expected one scheduler's variable, found ${variables(found)}. Say which shard it is, such as --shard 3/10.`,
    );
  }
  return found[0].read(environment);
}

/** sbatch(1): indices may begin anywhere and have a step; lists such as 1,5,6 have none. */
function slurmArrayTask(environment: Environment): Task {
  const variable = 'SLURM_ARRAY_TASK_ID';
  const id = integerIn(environment, variable)!;
  const lowest = integerIn(environment, 'SLURM_ARRAY_TASK_MIN') ?? 0;
  const step = integerIn(environment, 'SLURM_ARRAY_TASK_STEP') || 1;
  const count = integerIn(environment, 'SLURM_ARRAY_TASK_COUNT');
  const highest = integerIn(environment, 'SLURM_ARRAY_TASK_MAX');
  const index = (id - lowest) / step;
  // Told to every task, not only to those whose own index is out of place: half of the outputs would be worse than none.
  const isEven =
    count === undefined || highest === undefined || Math.floor((highest - lowest) / step) === count - 1;
  if (!isEven || !Number.isInteger(index) || index < 0) {
    throw new UsageError(
      `--shard auto: expected an array of indices in even steps, such as --array=1-10, got ${count ?? 'some'} from ${lowest} to ${highest ?? '?'}, this one ${id}. Say which shard it is, such as --shard 3/10.`,
    );
  }
  // srun in a task of an array would start several processes that all have the same index.
  const siblings = integerIn(environment, 'SLURM_STEP_NUM_TASKS') ?? 1;
  if (siblings > 1) {
    throw new UsageError(
      `--shard auto: expected one process for each task of the array, got ${siblings}, which srun started (SLURM_STEP_NUM_TASKS). Start one with srun --ntasks=1, or say which shard each is, such as --shard 3/10.`,
    );
  }
  return { index, count, variable };
}

/** srun(1). The script that runs srun has a SLURM_PROCID too, 0, but is no step of the job: its tasks would be one and the others missing. */
function srunTask(environment: Environment): Task {
  const task = plainTask(environment, 'SLURM_PROCID', 'SLURM_NTASKS');
  const isScript = environment.SLURM_JOB_ID !== undefined && environment.SLURM_STEP_ID === undefined;
  if (!isScript || task.count === 1) return task;
  throw new UsageError(
    `--shard auto: expected a task of srun, got the script of job ${environment.SLURM_JOB_ID} itself. Put srun before the command, or make it an array with --array=1-10.`,
  );
}

function plainTask(environment: Environment, variable: string, countVariable: string | undefined): Task {
  const count = countVariable === undefined ? undefined : integerIn(environment, countVariable);
  return { index: integerIn(environment, variable)!, count, variable };
}

/** @returns undefined where the variable is not set */
function integerIn(environment: Environment, variable: string): number | undefined {
  const text = environment[variable];
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`${variable}: expected an integer, got ${quoted(text)}. It is set by the scheduler.`);
}
