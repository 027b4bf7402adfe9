import { join } from 'node:path';
import { folder, start, writeModel } from '../exampleRun.ts';
import { loginContract } from '../loginContract.ts';

const model = join(folder, 'login.model');
await writeModel(model, Math.floor(Date.now() / 1000) - 86_400);
const main = join(import.meta.dirname, 'login.js');

await loginContract((env) => start([main, model], env, /Server listening at http:\/\/127\.0\.0\.1:(\d+)/));
