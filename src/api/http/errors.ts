import type { ErrorRequestHandler, RequestHandler } from 'express';
import { errorMessage, isOutboxError } from '../../domain/errors';
import type { Logger } from '../../telemetry/logger';
import { bodyProblem } from './body';
import { requestIdFrom } from './context';
import { HttpProblem, sendProblem } from './problem';

/** Any thrown value as a problem. What is not the caller's fault stays in the log. */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  const body = bodyProblem(error);
  if (body !== null) return body;
  if (isOutboxError(error)) {
    if (error.code === 'POSTGRES_UNAVAILABLE' || error.code === 'SHUTTING_DOWN') {
      return new HttpProblem(
        'unavailable',
        'Events cannot be stored now; whether this one was is not known. Send it again with the same dedupe key.',
        { headers: { 'retry-after': '1' }, cause: error },
      );
    }
    if (error.code === 'POSTGRES_REFUSED') {
      return refused(error) ?? internal(error);
    }
    return internal(error);
  }
  // Express' router throws this for a path parameter that cannot be decoded.
  if (error instanceof URIError)
    return new HttpProblem('malformed_url', 'The URL has a bad percent-encoding. Encode it again.');
  return internal(error);
}

/** Rules of the SQL functions that our own checks did not foresee: still the caller's mistake, never a 5xx. */
function refused(error: { message: string; details: Readonly<Record<string, unknown>> }): HttpProblem | null {
  const sqlstate = error.details['sqlstate'];
  if (sqlstate === 'OB003')
    return new HttpProblem('forbidden', 'The tenant is suspended. Ask the operator to activate it.');
  // 22: data exception, 23: constraint violation, 54: a limit of Postgres (an index row that is too long).
  if (typeof sqlstate !== 'string' || !(sqlstate === 'OB002' || /^(22|23|54)/.test(sqlstate))) return null;
  return new HttpProblem(
    'invalid_event',
    'Postgres refuses the event. Check its fields against the documented limits.',
    {
      cause: error,
    },
  );
}

function internal(cause: unknown): HttpProblem {
  return new HttpProblem('internal', 'The service failed and has logged why. Try again, or report the instance id.', {
    cause,
  });
}

/** Last middleware: answers every error as a problem document and logs the service's own failures. */
export function errorHandler(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    void next;
    const problem = toProblem(error);
    if (problem.status >= 500) {
      const line = { requestId: requestIdFrom(response), method: request.method, error: problem.cause ?? error };
      if (problem.code === 'unavailable') logger.warn(line, `request refused: ${errorMessage(problem.cause ?? error)}`);
      else logger.error(line, 'request failed');
    }
    sendProblem(response, problem, requestIdFrom(response));
  };
}

export const notFound: RequestHandler = () => {
  throw new HttpProblem('not_found', 'There is no such route. See docs/api.md for the routes.');
};

/** Answers methods that a path does not have; OPTIONS gets the list. */
export function allowOnly(...methods: readonly string[]): RequestHandler {
  const allow = [...methods, 'OPTIONS'].join(', ');
  return (request, response) => {
    if (request.method === 'OPTIONS') {
      response.setHeader('allow', allow);
      response.writeHead(204).end();
      return;
    }
    throw new HttpProblem('method_not_allowed', `${request.method} is not allowed here. Use ${allow}.`, {
      headers: { allow },
    });
  };
}
