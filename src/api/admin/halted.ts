import { z } from 'zod';
import { listRelays } from '../../postgres/relay/relay-list';
import type { AdminContext } from './context';
import { relayBody, toRelayBody } from './relays';
import { route } from './route';
import type { AdminRoute } from './route';

/** Relays whose row and ledger contradict each other. Nothing is ever chosen for an operator. */
export function haltedRoutes(context: AdminContext): AdminRoute[] {
  return [
    route({
      id: 'listHalted',
      method: 'get',
      path: '/admin/halted',
      summary: 'Both sides of each halted relay: its row, and in `halted` what its ledger says',
      scope: 'read',
      reach: 'all',
      answer: z.strictObject({ relays: z.array(relayBody) }),
      handle: async () => ({ relays: (await listRelays(context.pool, { halted: true })).map(toRelayBody) }),
    }),
  ];
}
