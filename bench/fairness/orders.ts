import { Client, Connection } from '@temporalio/client';
import { publisherCommands } from '../../src/temporal/publisher-commands';
import type { FairnessRig } from './rig';

const ORDERS_AT_A_TIME = 24;

/** Gives each tenant's publisher the order that `nameOf` says, by an update. */
export async function giveOrders(
  rig: FairnessRig,
  tenants: readonly string[],
  nameOf: (index: number) => 'pause' | 'openBreaker',
): Promise<void> {
  const connection = await Connection.connect({ address: rig.servers.temporalAddress });
  try {
    const commands = publisherCommands(new Client({ connection }), rig.servers.prefix);
    const orders = tenants.map((tenant, index) => ({ tenant, name: nameOf(index) }));
    const giveNext = async (): Promise<void> => {
      for (let order = orders.pop(); order !== undefined; order = orders.pop()) {
        const ref = { tenant: order.tenant, destination: 'kafka', shard: 0 };
        const done = await commands.update(ref, order.name, { by: 'bench', why: 'bench' });
        if (!done.ok) throw new Error(`${order.name} of ${order.tenant} was refused: ${done.refused}`);
      }
    };
    await Promise.all(Array.from({ length: ORDERS_AT_A_TIME }, giveNext));
  } finally {
    await connection.close();
  }
}
