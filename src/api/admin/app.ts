import express from 'express';
import type { Express, NextFunction, Request, RequestHandler, Response } from 'express';
import { answerProbe } from '../../telemetry/probes';
import type { ProbeDeps } from '../../telemetry/probes';
import type { AdminAuthenticator } from '../auth/admin';
import { checkUrl, requestContext } from '../http/context';
import { errorHandler, notFound } from '../http/errors';
import { securityHeaders } from '../http/security-headers';
import { adminProblem, mountRoutes } from './mount';
import type { AdminRoute } from './route';

export interface AdminDeps {
  readonly routes: readonly AdminRoute[];
  readonly authenticator: AdminAuthenticator;
  readonly probes: ProbeDeps;
}

/** Probes and metrics without a key, everything under /admin with one. On a listener of its own. */
export function createAdminApp(deps: AdminDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.set('case sensitive routing', true);
  app.use(requestContext, securityHeaders(), checkUrl, probes(deps.probes));
  app.use('/admin', authenticated(deps.authenticator), mountRoutes(deps.routes));
  app.use(notFound);
  app.use(errorHandler(deps.probes.logger));
  return app;
}

/** First of all, so that without a key nobody learns which routes there are. */
function authenticated(authenticator: AdminAuthenticator): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction) => {
    response.locals['admin'] = await authenticator.authenticate(request).catch((error: unknown) => {
      throw adminProblem(error);
    });
    next();
  };
}

function probes(deps: ProbeDeps): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction) => {
    if (!(await answerProbe(deps, request, response))) next();
  };
}
