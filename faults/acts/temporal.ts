import { Client, Connection } from '@temporalio/client';
import type { Scene } from '../runner/scenario';

/** Runs `work` with a client of the Temporal server itself, past the proxy. */
export async function withTemporal<T>(scene: Scene, work: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: scene.servers.addresses.temporalAddress });
  try {
    return await work(new Client({ connection }));
  } finally {
    await connection.close();
  }
}
