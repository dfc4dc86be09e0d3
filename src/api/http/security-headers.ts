import type { RequestHandler } from 'express';
import helmet from 'helmet';

/** helmet for answers that are data only: nothing may be framed, sniffed, scripted or kept by a referrer. */
export function securityHeaders(): RequestHandler {
  return helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  });
}
