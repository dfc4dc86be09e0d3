import { Router } from 'express';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { isOutboxError } from '../../domain/errors';
import type { AdminCaller } from '../auth/admin';
import { bodyForm, rawBody } from '../http/body';
import { allowOnly } from '../http/errors';
import { HttpProblem } from '../http/problem';
import { sendJson } from '../http/send';
import { parseBody, parseParams, parseQuery } from './parse';
import type { AdminRoute } from './route';

const BODY_LIMIT = 64 * 1_024;

/** The routes as one Express router, with 405 for other methods of their paths. */
export function mountRoutes(routes: readonly AdminRoute[]): Router {
  const router = Router({ caseSensitive: true });
  const methods = new Map<string, string[]>();
  for (const route of routes) {
    const path = expressPath(route.path);
    const allowed = methods.get(path) ?? [];
    allowed.push(...(route.method === 'get' ? ['GET', 'HEAD'] : [route.method.toUpperCase()]));
    methods.set(path, allowed);
    router[route.method](path, requireScope(route), jsonIfAny, rawBody(BODY_LIMIT), handle(route));
  }
  for (const [path, allowed] of methods) router.all(path, allowOnly(...allowed));
  return router;
}

/** `/admin/keys/{id}` → `/keys/:id`: the router itself stands under /admin. */
export function expressPath(path: string): string {
  return path.replace(/^\/admin/, '').replaceAll(/\{(\w+)\}/g, ':$1');
}

export function adminCallerOf(response: Response): AdminCaller {
  return response.locals['admin'] as AdminCaller;
}

/** Before the body is read. */
function requireScope(route: AdminRoute): RequestHandler {
  return (_request: Request, response: Response, next: NextFunction) => {
    const caller = adminCallerOf(response);
    if (!caller.scopes.includes(route.scope)) {
      throw new HttpProblem('forbidden', `The key lacks the scope "${route.scope}". Use a key that has it.`);
    }
    if (route.reach === 'all' && caller.tenant !== null) {
      throw new HttpProblem(
        'forbidden',
        'The key is for one tenant only, this route is for all. Use a key for all tenants.',
      );
    }
    next();
  };
}

function handle(route: AdminRoute): RequestHandler {
  return async (request: Request, response: Response) => {
    const caller = adminCallerOf(response);
    // First: a key in the URL must be told of, whatever else is wrong with it.
    const query = parseQuery(route.query, request);
    const params = parseParams(route.params, request);
    requireTenant(caller, named(params, 'tenant'));
    const body = parseBody(route.body, route.bodyOptional === true, request);
    const tenant =
      named(params, 'tenant') ?? named(query, 'tenant') ?? named(body, 'tenant_id') ?? named(body, 'tenant');
    requireTenant(caller, tenant);
    try {
      const answer = await route.handle({ params, query, body, caller, tenant: tenant ?? caller.tenant });
      if (route.status === 204) response.writeHead(204).end();
      else sendJson(response, route.status ?? 200, answer);
    } catch (error) {
      throw adminProblem(error);
    }
  };
}

/** The same answer whether or not that tenant exists: asked before anything is looked up. */
function requireTenant(caller: AdminCaller, tenant: string | null): void {
  if (caller.tenant === null || tenant === null || tenant === caller.tenant) return;
  throw new HttpProblem('forbidden', 'The key is for another tenant. Use a key for this tenant or for all tenants.');
}

function named(part: unknown, name: string): string | null {
  const value: unknown =
    typeof part === 'object' && part !== null ? (part as Record<string, unknown>)[name] : undefined;
  return typeof value === 'string' ? value : null;
}

/** The general texts speak of events to store; an operator's request is another matter. */
export function adminProblem(error: unknown): unknown {
  if (!isOutboxError(error)) return error;
  const headers = { 'retry-after': '5' };
  if (error.code === 'TEMPORAL_UNAVAILABLE')
    return new HttpProblem('unavailable', error.message, { headers, cause: error });
  if (error.code === 'POSTGRES_UNAVAILABLE') {
    const text =
      'Postgres does not answer; whether a change was made is not known. Look at the present state, then try again.';
    return new HttpProblem('unavailable', text, { headers, cause: error });
  }
  return error;
}

/** A body, if there is one, must be JSON. */
function jsonIfAny(request: Request, _response: Response, next: NextFunction): void {
  const length = request.headers['content-length'];
  const none = (length === undefined || length === '0') && request.headers['transfer-encoding'] === undefined;
  if (!none) bodyForm(request, ['json']);
  next();
}
