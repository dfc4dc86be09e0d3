import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Authenticator, Caller } from '../auth/authenticate';
import type { Scope } from '../ports';

/** Middleware: the request must carry a key with this scope. Runs before the body is read. */
export function requireScope(authenticator: Authenticator, scope: Scope): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction) => {
    response.locals['caller'] = await authenticator.authenticate(request, scope);
    next();
  };
}

/** The caller that `requireScope` found. */
export function callerOf(response: Response): Caller {
  return response.locals['caller'] as Caller;
}
