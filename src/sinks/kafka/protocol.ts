/** The requests that the sink sends with kafkajs' own encoders and decoders, and the parts of their answers that it reads. */

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
  GroupCoordinator: { readonly groupId: string; readonly coordinatorType: 0 | 1 };
  InitProducerId: { readonly transactionalId: string; readonly transactionTimeout: number };
  AddPartitionsToTxn: Epoch & { readonly topics: readonly TopicPartitions[] };
  AddOffsetsToTxn: Epoch & { readonly groupId: string };
  TxnOffsetCommit: Epoch & {
    readonly groupId: string;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly {
        readonly partition: number;
        readonly offset: string;
        readonly metadata: string;
      }[];
    }[];
  };
  EndTxn: Epoch & { readonly transactionResult: boolean };
  DescribeConfigs: {
    readonly resources: readonly {
      readonly type: 2 | 4;
      readonly name: string;
      readonly configNames: readonly string[];
    }[];
    readonly includeSynonyms: false;
  };
  CreateTopics: {
    readonly topics: readonly {
      readonly topic: string;
      readonly numPartitions: number;
      readonly replicationFactor: number;
    }[];
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
      }[];
    }[];
  };
  GroupCoordinator: { readonly errorCode: number; readonly coordinator: { readonly nodeId: number } };
  InitProducerId: { readonly errorCode: number; readonly producerId: string; readonly producerEpoch: number };
  AddPartitionsToTxn: {
    readonly errors: readonly { readonly topic: string; readonly partitionErrors: readonly PartitionError[] }[];
  };
  AddOffsetsToTxn: { readonly errorCode: number };
  TxnOffsetCommit: {
    readonly topics: readonly { readonly topic: string; readonly partitions: readonly PartitionError[] }[];
  };
  EndTxn: { readonly errorCode: number };
  DescribeConfigs: {
    readonly resources: readonly {
      readonly errorCode: number;
      readonly resourceName: string;
      readonly configEntries: readonly { readonly configName: string; readonly configValue: string | null }[];
    }[];
  };
  CreateTopics: { readonly topicErrors: readonly { readonly topic: string; readonly errorCode: number }[] };
}

export interface ProduceAnswer {
  readonly topics: readonly {
    readonly topicName: string;
    readonly partitions: readonly (PartitionError & { readonly baseOffset: string })[];
  }[];
}
