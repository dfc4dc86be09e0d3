// The parts of kafkajs 2.2.4 that the auditor uses below its public surface. A public consumer cannot say what was aborted,
// hides the last stable offset, and must join a group first; one plain Fetch answers all of it. The version is pinned.

declare module 'kafkajs/src/network/socketFactory' {
  import type { ISocketFactory } from 'kafkajs';
  function socketFactory(): ISocketFactory;
  export = socketFactory;
}

declare module 'kafkajs/src/cluster' {
  import type { ISocketFactory, KafkaConfig, Logger } from 'kafkajs';

  namespace Cluster {
    interface BatchContext {
      readonly firstOffset: string;
      readonly lastOffsetDelta: number;
      readonly producerId: string;
      readonly inTransaction: boolean;
    }
    interface FetchedRecord {
      readonly offset: string;
      readonly timestamp: string;
      readonly key: Buffer | null;
      readonly value: Buffer | null;
      readonly headers: Record<string, Buffer | Buffer[] | null>;
      readonly isControlRecord: boolean;
      readonly batchContext: BatchContext;
    }
    interface FetchedPartition {
      readonly partition: number;
      readonly highWatermark: string;
      readonly lastStableOffset: string;
      readonly abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[] | null;
      readonly messages: readonly FetchedRecord[];
    }
    interface FetchRequest {
      readonly isolationLevel: 0 | 1;
      readonly maxWaitTime: number;
      readonly minBytes: number;
      readonly maxBytes: number;
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly {
          readonly partition: number;
          readonly fetchOffset: string;
          readonly maxBytes: number;
        }[];
      }[];
    }
    interface Broker {
      fetch(request: FetchRequest): Promise<{
        readonly responses: readonly { readonly topicName: string; readonly partitions: readonly FetchedPartition[] }[];
      }>;
    }
    interface Options extends Pick<
      KafkaConfig,
      'brokers' | 'ssl' | 'sasl' | 'clientId' | 'connectionTimeout' | 'retry'
    > {
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
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    refreshMetadata(): Promise<void>;
    addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
    findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
    findBroker(query: { nodeId: string }): Promise<Cluster.Broker>;
  }
  export = Cluster;
}
