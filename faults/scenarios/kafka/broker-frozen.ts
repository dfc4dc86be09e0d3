import { freezeServer } from '../../acts/servers';
import type { Scenario } from '../../runner/scenario';

export const brokerFrozen: Scenario = {
  name: 'broker-frozen',
  group: 'kafka',
  about:
    'SIGSTOP of the broker for 20 to 30 s: it accepts connections and never answers; transactions time out meanwhile',
  faults: ['broker_frozen'],
  plan: (random) => ({ forMs: random.int(20_000, 30_000) }),
  run: (scene, plan) => freezeServer(scene, 'broker_frozen', 'kafka', Number(plan['forMs'])),
};
