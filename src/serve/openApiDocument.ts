import swagger from '@fastify/swagger';
import { type FastifyInstance, fastify } from 'fastify';
import { version } from '../version.ts';

/**
 * What the server's routes are, as OpenAPI has it. They are registered once more, in an app that never listens: so the server
 * itself starts without what writes this.
 * @param register adds the routes to an app
 */
export async function openApiDocument(register: (app: FastifyInstance) => void): Promise<object> {
  const app = fastify({ exposeHeadRoutes: false });
  await app.register(swagger, {
    transform: ({ url, route }) => ({ url, schema: route.config?.describe?.() ?? { hide: true } }),
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'ip-insights',
        version,
        description:
          "How strange a login's address is for its account. Speaks Amazon SageMaker IP Insights' formats, and its own.",
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
      tags: [
        { name: 'SageMaker', description: "Amazon SageMaker's routes and formats" },
        { name: 'Score', description: 'Scores with reasons' },
        { name: 'Console', description: 'What the pages for analysts ask' },
        { name: 'Models', description: "SageMaker's multi-model API" },
        { name: 'Operation', description: 'For those who run the server' },
      ],
    },
  });
  await app.register(async (routes) => register(routes));
  await app.ready();
  const document = app.swagger();
  await app.close();
  return document;
}
