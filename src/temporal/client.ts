import { loadClientConnectConfig } from '@temporalio/envconfig';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { OutboxError, errorMessage } from '../domain/errors';

/** Where Temporal is; TLS, API key and profiles come from the Temporal environment variables and profile file. */
export interface TemporalTarget {
  readonly address: string;
  readonly namespace: string;
}

/**
 * A client that connects when first used: ingest must start and answer while Temporal is down. Callers bound every call
 * with `withDeadline`, for the default gRPC retries may hold a request for twenty seconds and more.
 */
export function temporalClient(target: TemporalTarget): Client {
  const { connectionOptions } = loadClientConnectConfig();
  const connection = Connection.lazy({ ...connectionOptions, address: target.address });
  return new Client({ connection, namespace: target.namespace });
}

/** The worker's connection. Rejects with TEMPORAL_UNAVAILABLE if the server does not answer. */
export async function temporalNativeConnection(target: TemporalTarget): Promise<NativeConnection> {
  const { connectionOptions } = loadClientConnectConfig();
  try {
    return await NativeConnection.connect({ ...connectionOptions, address: target.address });
  } catch (error) {
    throw new OutboxError(
      'TEMPORAL_UNAVAILABLE',
      `Temporal at ${target.address} does not answer (${errorMessage(error)}). Start it, or correct TEMPORAL_ADDRESS.`,
      { cause: error },
    );
  }
}
