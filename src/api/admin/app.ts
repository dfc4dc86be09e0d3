import { createHash, timingSafeEqual } from 'node:crypto';
import express, { Router } from 'express';
import type { Express, NextFunction, Request, RequestHandler, Response } from 'express';
import type { Logger } from '../../telemetry/logger';
import { answerProbe } from '../../telemetry/probes';
import type { ProbeDeps } from '../../telemetry/probes';
import { bearerToken, unauthenticated } from '../auth/authenticate';
import { bodyForm, rawBody } from '../http/body';
import { checkUrl, refuseQuery, requestContext } from '../http/context';
import { allowOnly, errorHandler, notFound } from '../http/errors';
import { securityHeaders } from '../http/security-headers';
import type { TenantStore } from '../ports';
import { tenantHandlers } from './tenants';

export interface AdminDeps {
  readonly tenants: TenantStore;
  readonly adminKey: string;
  readonly probes: ProbeDeps;
  readonly logger: Logger;
}

const BODY_LIMIT = 64 * 1_024;

/** Probes and metrics without a key, everything under /admin with the admin key. On a listener of its own. */
export function createAdminApp(deps: AdminDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.set('case sensitive routing', true);
  app.use(requestContext, securityHeaders(), checkUrl, probes(deps.probes));
  app.use('/admin', requireAdminKey(deps.adminKey), adminRoutes(deps.tenants));
  app.use(notFound);
  app.use(errorHandler(deps.logger));
  return app;
}

function adminRoutes(tenants: TenantStore): Router {
  const handlers = tenantHandlers(tenants);
  const router = Router({ caseSensitive: true });
  const body = [jsonIfAny, rawBody(BODY_LIMIT)];
  router.post('/tenants', refuseQuery, ...body, (request, response) => handlers.createTenant(request, response));
  router.get('/tenants', (request, response) => handlers.listTenants(request, response));
  router.all('/tenants', allowOnly('GET', 'HEAD', 'POST'));
  router.post('/tenants/:tenant/keys', refuseQuery, ...body, (request, response) =>
    handlers.createKey(request, response),
  );
  router.get('/tenants/:tenant/keys', refuseQuery, (request, response) => handlers.listKeys(request, response));
  router.all('/tenants/:tenant/keys', allowOnly('GET', 'HEAD', 'POST'));
  router.delete('/tenants/:tenant/keys/:keyId', refuseQuery, (request, response) =>
    handlers.revokeKey(request, response),
  );
  router.all('/tenants/:tenant/keys/:keyId', allowOnly('DELETE'));
  return router;
}

/** Compares digests, so that neither the time nor the length of the answer depends on the key. */
function requireAdminKey(adminKey: string): RequestHandler {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const expected = digest(adminKey);
  return (request: Request, _response: Response, next: NextFunction) => {
    if (!timingSafeEqual(digest(bearerToken(request)), expected)) {
      throw unauthenticated('This is not the admin key. Use the value of OUTBOX_ADMIN_KEY.');
    }
    next();
  };
}

/** A body, if there is one, must be JSON. */
function jsonIfAny(request: Request, _response: Response, next: NextFunction): void {
  const length = request.headers['content-length'];
  const none = (length === undefined || length === '0') && request.headers['transfer-encoding'] === undefined;
  if (!none) bodyForm(request, ['json']);
  next();
}

function probes(deps: ProbeDeps): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction) => {
    if (!(await answerProbe(deps, request, response))) next();
  };
}
