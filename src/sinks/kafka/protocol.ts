/** The requests that are sent with kafkajs' own encoders and decoders, and the parts of their answers that it reads. */

export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

interface Epoch {
  readonly transactionalId: string;
  /** Decimal string of an int64. */
  readonly producerId: string;
  readonly producerEpoch: number;
}

export interface Requests {
  Metadata: { readonly topics: readonly string[]; readonly allowAutoTopicCreation: false };
  GroupCoordinator: { readonly groupId: string; readonly coordinatorType: 1 };
  InitProducerId: { readonly transactionalId: string; readonly transactionTimeout: number };
  AddPartitionsToTxn: Epoch & { readonly topics: readonly TopicPartitions[] };
  EndTxn: Epoch & { readonly transactionResult: boolean };
  DescribeConfigs: {
    readonly resources: readonly {
      readonly type: 2 | 4;
      readonly name: string;
      readonly configNames: readonly string[];
    }[];
    readonly includeSynonyms: false;
  };
  ListOffsets: {
    readonly replicaId: -1;
    readonly isolationLevel: 0 | 1;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[];
    }[];
  };
  Fetch: {
    /** 1 = read_committed: up to the last stable offset, with the list of aborted transactions. */
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
  };
  CreateTopics: {
    readonly topics: readonly {
      readonly topic: string;
      readonly numPartitions: number;
      readonly replicationFactor: number;
      readonly configEntries?: readonly { readonly name: string; readonly value: string }[];
    }[];
    readonly timeout: number;
    readonly validateOnly: false;
  };
  CreatePartitions: {
    readonly topicPartitions: readonly { readonly topic: string; readonly count: number }[];
    readonly timeout: number;
    readonly validateOnly: false;
  };
}

interface PartitionError {
  readonly partition: number;
  readonly errorCode: number;
}

export interface Answers {
  Metadata: {
    readonly brokers: readonly { readonly nodeId: number }[];
    readonly controllerId: number;
    readonly topicMetadata: readonly {
      readonly topicErrorCode: number;
      readonly topic: string;
      readonly partitionMetadata: readonly {
        readonly partitionId: number;
        readonly leader: number;
        readonly replicas: readonly number[];
        readonly isr: readonly number[];
      }[];
    }[];
  };
  GroupCoordinator: { readonly errorCode: number; readonly coordinator: { readonly nodeId: number } };
  InitProducerId: { readonly errorCode: number; readonly producerId: string; readonly producerEpoch: number };
  AddPartitionsToTxn: {
    readonly errors: readonly { readonly topic: string; readonly partitionErrors: readonly PartitionError[] }[];
  };
  EndTxn: { readonly errorCode: number };
  DescribeConfigs: {
    readonly resources: readonly {
      readonly errorCode: number;
      readonly resourceName: string;
      readonly configEntries: readonly { readonly configName: string; readonly configValue: string | null }[];
    }[];
  };
  ListOffsets: {
    readonly responses: readonly { readonly partitions: readonly (PartitionError & { readonly offset: string })[] }[];
  };
  Fetch: { readonly responses: readonly { readonly partitions: readonly FetchedPartition[] }[] };
  CreateTopics: { readonly topicErrors: readonly { readonly topic: string; readonly errorCode: number }[] };
  CreatePartitions: { readonly topicErrors: readonly { readonly topic: string; readonly errorCode: number }[] };
}

export interface FetchedPartition extends PartitionError {
  readonly highWatermark: string;
  readonly lastStableOffset: string;
  /** Null in answers to isolation level 0. */
  readonly abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[] | null;
  readonly messages: readonly {
    readonly offset: string;
    /** ms since epoch, decimal. */
    readonly timestamp: string;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly isControlRecord: boolean;
    readonly batchContext: {
      readonly firstOffset: string;
      readonly lastOffsetDelta: number;
      readonly producerId: string;
      readonly inTransaction: boolean;
    };
  }[];
}
