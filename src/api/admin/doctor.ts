import { z } from 'zod';
import type { AdminContext } from './context';
import { route } from './route';
import type { AdminRoute } from './route';

const checkBody = z.strictObject({
  name: z.string(),
  ok: z.boolean(),
  detail: z.string(),
  remedy: z.string().nullable().meta({ description: 'what to do; null while all is well' }),
});

export function doctorRoute(context: AdminContext): AdminRoute {
  return route({
    id: 'runDoctor',
    method: 'get',
    path: '/admin/doctor',
    summary: 'Looks at everything that publishing needs. Always 200: the findings are the answer',
    scope: 'read',
    reach: 'all',
    answer: z.strictObject({ ok: z.boolean(), checks: z.array(checkBody) }),
    async handle() {
      const checks = await context.doctor();
      return { ok: checks.every((check) => check.ok), checks: [...checks] };
    },
  });
}
