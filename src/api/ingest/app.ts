import express from 'express';
import type { Express, RequestHandler } from 'express';
import { rawBody, requireForm } from '../http/body';
import { requireScope } from '../http/caller';
import { checkUrl, refuseQuery, requestContext } from '../http/context';
import { allowOnly, errorHandler, notFound } from '../http/errors';
import { securityHeaders } from '../http/security-headers';
import { announce } from './committed';
import type { IngestDeps } from './deps';
import { getEvent } from './get-event';
import { createGroupCommit } from './group-commit';
import { postBatch } from './post-batch';
import { postEvent } from './post-event';

/** The ingest API as an Express application; `docs/api.md` is its contract. */
export function createIngestApp(deps: IngestDeps): Express {
  const commits = createGroupCommit(deps.events, (events, inserted) => announce(deps, events, inserted));
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.set('case sensitive routing', true);
  const scope = (name: 'ingest' | 'read'): RequestHandler => requireScope(deps.authenticator, name);

  app.use(requestContext, securityHeaders(), checkUrl);
  app.post(
    '/v1/events',
    counted(deps, 'post_event'),
    refuseQuery,
    scope('ingest'),
    requireForm('json'),
    rawBody(deps.limits.body),
    postEvent(deps, commits),
  );
  app.all('/v1/events', allowOnly('POST'));
  app.post(
    '/v1/events/batch',
    counted(deps, 'post_batch'),
    refuseQuery,
    scope('ingest'),
    requireForm('json', 'ndjson'),
    rawBody(deps.limits.batchBody),
    postBatch(deps),
  );
  app.all('/v1/events/batch', allowOnly('POST'));
  app.get('/v1/events/:id', counted(deps, 'get_event'), refuseQuery, scope('read'), getEvent(deps));
  app.all('/v1/events/:id', allowOnly('GET', 'HEAD'));
  app.use(notFound);
  app.use(errorHandler(deps.logger));
  return app;
}

/** Counts the answers of a route by status. */
function counted(deps: Pick<IngestDeps, 'metrics'>, route: string): RequestHandler {
  return (_request, response, next) => {
    response.once('finish', () => deps.metrics.ingestRequests.inc({ route, status: String(response.statusCode) }));
    next();
  };
}
