import { OTHER_TENANTS, TenantLabels } from '../../../src/telemetry/tenant-labels';

test('the first tenants keep their label for good, all others share one', () => {
  const labels = new TenantLabels(2);
  expect(['a', 'b', 'c', 'a', 'other'].map((tenant) => labels.of(tenant))).toEqual([
    'a',
    'b',
    OTHER_TENANTS,
    'a',
    OTHER_TENANTS,
  ]);
});
