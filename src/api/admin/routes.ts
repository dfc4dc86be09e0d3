import { auditRoute } from './audit';
import { circuitRoutes } from './circuit';
import type { AdminContext } from './context';
import { doctorRoute } from './doctor';
import { adminKeyRoutes } from './keys';
import { openApiRoute } from './openapi';
import { outboxRoutes } from './outbox';
import { haltedRoutes } from './halted';
import { globalPauseRoutes } from './global-pause';
import { parkingRoutes } from './parking';
import { pauseRoutes } from './pause';
import { publisherRoutes } from './publishers';
import { quotaRoutes } from './quotas';
import { relayWaysRoute } from './relay-ways';
import { relayRoute } from './relays';
import { replayNowRoutes } from './replay-now';
import { replayRoutes } from './replays';
import type { AdminRoute } from './route';
import { settingsRoutes } from './settings';
import { summaryRoute } from './summary';
import { tenantStatusRoutes } from './tenant-status';
import { tenantRoutes } from './tenants';
import { undeliveredRoutes } from './undelivered';

/** Every route of the admin API. What is not in this list is neither mounted nor described. */
export function adminRoutes(context: AdminContext, version: string): readonly AdminRoute[] {
  const routes = [
    ...outboxRoutes(context),
    summaryRoute(context),
    ...undeliveredRoutes(context),
    ...parkingRoutes(context),
    ...replayNowRoutes(context),
    ...replayRoutes(context),
    ...publisherRoutes(context),
    relayRoute(context),
    relayWaysRoute(context),
    ...haltedRoutes(context),
    ...circuitRoutes(context),
    ...quotaRoutes(context),
    ...pauseRoutes(context),
    ...globalPauseRoutes(context),
    ...settingsRoutes(context),
    ...tenantStatusRoutes(context),
    ...tenantRoutes(context),
    ...adminKeyRoutes(context),
    auditRoute(context),
    doctorRoute(context),
  ];
  return [...routes, openApiRoute(routes, version)];
}
