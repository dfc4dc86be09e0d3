// The parts of kafkajs 2.2.4 below its public surface that this sink stands on: connections, TLS, SASL, the encoders and
// decoders of requests. Only connections.ts and log-bridge.ts import them. The version is pinned exactly.

declare module 'kafkajs/src/cluster/index' {
  import type { ISocketFactory, KafkaConfig, Logger } from 'kafkajs';

  namespace Cluster {
    interface RawRequest {
      readonly apiKey: number;
      readonly apiVersion: number;
      readonly apiName: string;
      readonly expectResponse?: () => boolean;
      encode(): Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
    }
    interface ProtocolRequest {
      readonly request: RawRequest;
      readonly response: {
        decode(raw: Buffer): Promise<unknown>;
        parse(decoded: unknown): Promise<unknown>;
      };
      readonly logResponseError?: boolean;
    }
    type RequestMaker = (args: Readonly<Record<string, unknown>>) => ProtocolRequest;
    interface RequestQueue {
      readonly pending: { readonly length: number };
      readonly throttledUntil: number;
      scheduleCheckPendingRequests(): void;
    }
    interface ConnectionPool {
      readonly pool: readonly { readonly requestQueue: RequestQueue }[];
      send(request: ProtocolRequest): Promise<unknown>;
    }
    interface Broker {
      readonly nodeId: number | string | null;
      readonly versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>> | null;
      readonly connectionPool: ConnectionPool;
      lookupRequest(apiKey: number, definitions: unknown): RequestMaker;
      metadata(topics?: readonly string[]): Promise<unknown>;
    }
    interface BrokerPool {
      connectionPoolBuilder: {
        build(destination?: { host?: string; port?: number; rack?: string }): Promise<ConnectionPool>;
      };
      createBroker(options: unknown): Broker;
      findConnectedBroker(): Promise<Broker>;
    }
    interface Options extends Pick<KafkaConfig, 'ssl' | 'sasl' | 'clientId' | 'connectionTimeout' | 'retry'> {
      readonly brokers: string[];
      readonly logger: Logger;
      readonly socketFactory: ISocketFactory;
      readonly requestTimeout: number;
      readonly enforceRequestTimeout: boolean;
      readonly metadataMaxAge: number;
      readonly allowAutoTopicCreation: boolean;
      readonly maxInFlightRequests: number | null;
    }
  }

  class Cluster {
    constructor(options: Cluster.Options);
    readonly brokerPool: Cluster.BrokerPool;
    readonly targetTopics: Set<string>;
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    refreshMetadata(): Promise<void>;
    findBroker(query: { nodeId: number }): Promise<Cluster.Broker>;
  }
  export = Cluster;
}

declare module 'kafkajs/src/protocol/requests/index' {
  /** Definitions by API name; opaque, for Broker.lookupRequest. */
  export const requests: Readonly<Record<string, unknown>>;
}

declare module 'kafkajs/src/protocol/requests/apiKeys' {
  const apiKeys: Readonly<Record<string, number>>;
  export = apiKeys;
}

declare module 'kafkajs/src/protocol/error' {
  export const errorCodes: readonly { readonly type: string; readonly code: number; readonly message: string }[];
}

declare module 'kafkajs/src/loggers/index' {
  import type { logCreator, Logger } from 'kafkajs';
  export const LEVELS: {
    readonly NOTHING: 0;
    readonly ERROR: 1;
    readonly WARN: 2;
    readonly INFO: 4;
    readonly DEBUG: 5;
  };
  export function createLogger(options: { level: number; logCreator: logCreator }): Logger;
}
