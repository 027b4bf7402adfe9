import type { FastifyInstance } from 'fastify';
import type { Serving } from '../serving.ts';
import { assetRoutes } from './assets.ts';
import type { Desk } from './desk.ts';

/** The pages of the console, and what they ask beside the server's other routes. */
export function consoleRoutes(app: FastifyInstance, _serving: Serving, _desk: Desk): void {
  assetRoutes(app);
}
