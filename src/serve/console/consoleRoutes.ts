import type { FastifyInstance } from 'fastify';
import type { Serving } from '../serving.ts';
import { accountRoutes } from './accountRoutes.ts';
import { assetRoutes } from './assets.ts';
import type { Desk } from './desk.ts';
import { evaluationRoutes } from './evaluationRoutes.ts';
import { eventRoutes } from './eventRoutes.ts';
import { explainRoutes } from './explainRoutes.ts';
import { labelRoutes } from './labelRoutes.ts';
import { mapRoutes } from './mapRoutes.ts';
import { thresholdRoutes } from './thresholdRoutes.ts';

/** The pages of the console, and what they ask beside the server's other routes. */
export function consoleRoutes(app: FastifyInstance, serving: Serving, desk: Desk): void {
  assetRoutes(app);
  eventRoutes(app, serving, desk);
  labelRoutes(app, serving, desk);
  app.addHook('onListen', async () => {
    desk.load(serving).catch((err) => app.log.error({ err }, 'unexpected failure, please report it'));
  });
  explainRoutes(app, serving);
  evaluationRoutes(app, serving, desk);
  thresholdRoutes(app, serving);
  const names = desk.accountNames(serving);
  accountRoutes(app, serving, desk, names);
  mapRoutes(app, serving, desk, names);
}
