import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';
import type { Authenticator } from '../auth/authenticate';
import type { EventStore, Wake } from '../ports';
import type { IngestLimiter } from './limiter';

/** What the ingest API is given. */
export interface IngestDeps {
  readonly events: EventStore;
  readonly authenticator: Authenticator;
  readonly limiter: IngestLimiter;
  readonly wake: Wake;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly isTopicAllowed: (topic: string) => boolean;
  readonly limits: {
    /** Bytes of the body of one event. */
    readonly body: number;
    readonly batchBody: number;
    readonly batchEvents: number;
  };
}
