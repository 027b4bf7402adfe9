/** A job in a process of its own, to be killed: settings as JSON in the arguments. Tests only; not part of the package. */
import { TransformJob } from './transformJob.ts';

const job = new TransformJob(JSON.parse(process.argv[2]), { read: () => {}, line: () => {} });
await job.run();
