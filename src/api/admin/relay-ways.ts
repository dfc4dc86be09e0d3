import { z } from 'zod';
import { RELAY_WAYS } from '../../domain/relay/ledger-halt';
import { endHalts } from '../../postgres/relay/ways-out';
import { HttpProblem } from '../http/problem';
import type { AdminContext } from './context';
import { why } from './contract';
import { route } from './route';
import type { AdminRoute } from './route';

const MOST_RELAYS = 1_000;
const relays = z.array(z.int().min(0).max(MOST_RELAYS)).min(1).max(MOST_RELAYS);

/** The ways out of halted relays. Nothing is ever chosen for an operator. */
export function relayWaysRoute(context: AdminContext): AdminRoute {
  return route({
    id: 'endRelayHalts',
    method: 'post',
    path: '/admin/relays/halted',
    summary:
      'recheck: compare again. adopt-ledger: the ledger counts as it is now, what it has lost may be published twice. adopt-database: this database goes on, every other one halts for good',
    scope: 'operate',
    reach: 'all',
    body: z.strictObject({
      choice: z.enum(RELAY_WAYS),
      relays: relays.optional().meta({ description: 'without it all halted relays that the choice is for' }),
      why,
    }),
    answer: z.strictObject({
      choice: z.enum(RELAY_WAYS),
      relays: z.array(z.number()).meta({ description: 'whose halt ended; one that contradicts still halts again' }),
      generation: z.number().nullable().meta({ description: 'of this database, where it was raised' }),
    }),
    async handle({ body, caller: { by } }) {
      const { choice } = body;
      const ended = await endHalts(context.pool, { way: choice, relays: body.relays ?? null, by, why: body.why });
      if (ended.relays.length === 0) {
        throw new HttpProblem(
          'conflict',
          `No halted relay is one that ${choice} is for. Look at GET /admin/relays: each halt names its ways out.`,
        );
      }
      return { choice, relays: [...ended.relays], generation: ended.generation };
    },
  });
}
