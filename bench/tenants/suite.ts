import { tenantNames } from '../harness/tenants';
import { measureBare } from './bare/bare';
import { attach } from './harness/attached';
import type { TenantsRig } from './harness/rig';
import { measureAsleep } from './measure/asleep';
import { coldTenants, halfOfFloor } from './measure/cold';
import { measureDrains } from './measure/drains';
import { measureQuiet } from './measure/quiet';
import { measureRecovery } from './measure/recover';
import { measureIdle, measureLone, measureSparse } from './measure/sparse';
import type { Measured } from './report/results';
import { rounded } from '../harness/statistics';

/** All measurements, one after the other on an otherwise idle machine. */
export async function runSuite(rig: TenantsRig): Promise<Measured> {
  const measured: Measured = {};
  const asked = new Set(rig.options.parts);
  if (asked.has('sparse')) {
    const bare = await measureBare(rig);
    measured.sparse = { bare, asleep: await measureAsleep(rig, bare.perSecond) };
  }
  if (asked.has('drain') || asked.has('sparse') || asked.has('quiet')) await attachedParts(rig, measured);
  if (asked.has('recover')) {
    const runs = await measureRecovery(rig, await attachable(rig));
    measured.recoverSeconds = Math.max(...runs.map(({ seconds }) => seconds));
    measured.recoveries = runs;
  }
  const besideCold = !rig.options.quick && (asked.has('drain') || asked.has('sparse'));
  if (asked.has('cold') || besideCold) await manyParts(rig, measured, rig.options.sizes.many);
  return measured;
}

/** The tenants of most parts. */
async function attachable(rig: TenantsRig): Promise<string[]> {
  const tenants = tenantNames(rig.servers, 'tenant', Math.max(...rig.options.sizes.drainTenants));
  await rig.servers.installation.addTenants(tenants);
  return tenants;
}

async function attachedParts(rig: TenantsRig, measured: Measured): Promise<void> {
  const asked = new Set(rig.options.parts);
  const { drainTenants, ownTopics } = rig.options.sizes;
  const tenants = await attachable(rig);
  const worker = await rig.worker();
  if (asked.has('sparse')) addIdle(measured, [await measureIdle(rig, [])]);
  if (asked.has('drain') || asked.has('sparse')) {
    rig.log(`attaching ${tenants.length} tenants`);
    await attach(rig, tenants);
  }
  if (asked.has('drain')) measured.drains = await measureDrains(rig, tenants, drainTenants, { ownTopics });
  if (asked.has('sparse')) {
    addIdle(measured, [await measureIdle(rig, tenants)]);
    const one = await measureSparse(rig, tenants.slice(0, 1));
    await attach(rig, tenants);
    const all = await measureSparse(rig, tenants);
    const lone = await measureLone(rig, tenants[0] ?? '');
    measured.sparse = { ...measured.sparse, [tenants.length]: all, one, lone };
  }
  if (asked.has('quiet')) measured.quiet = await measureQuiet(rig);
  await rig.base.balanced(tenants, rig.log, { drained: true });
  await worker.child.stop();
}

/** So many tenants that their first wakes take minutes: cold first, and what is attached then idles and drains. */
async function manyParts(rig: TenantsRig, measured: Measured, many: number): Promise<void> {
  const asked = new Set(rig.options.parts);
  const tenants = tenantNames(rig.servers, 'many', many);
  await rig.servers.installation.addTenants(tenants);
  const before = asked.has('cold') ? await halfOfFloor(rig, 0, many) : 0;
  const worker = await rig.worker();
  const cold = asked.has('cold') ? await coldTenants(rig, tenants, worker) : null;
  // A quick run has as many attached before.
  if (asked.has('sparse') && !rig.options.quick) addIdle(measured, [await measureIdle(rig, tenants)]);
  if (asked.has('drain') && !rig.options.quick) {
    await attach(rig, tenants);
    const drains = await measureDrains(rig, tenants, [1, many], { ownTopics: 0 });
    // One tenant was measured here only for the ratio.
    const { [String(many)]: ofMany } = drains;
    if (ofMany !== undefined) measured.drains = { ...measured.drains, [String(many)]: ofMany };
  }
  await rig.base.balanced(tenants, rig.log, { drained: true });
  await worker.child.stop();
  if (cold === null) return;
  const floorSeconds = rounded(before + (await halfOfFloor(rig, 1, many)), 1);
  measured.cold = { tenants: many, ...cold, floorSeconds };
}

function addIdle(measured: Measured, idle: NonNullable<NonNullable<Measured['sparse']>['idle']>): void {
  measured.sparse = { ...measured.sparse, idle: [...(measured.sparse?.idle ?? []), ...idle] };
}
