import type { ByteWriter } from '../../../src/sinks/kafka/byte-writer';
import { oneRecordBatch } from './batches';
import type { Epoch } from './batches';
import { compactText } from './wire';
import type { Link, Node } from './wire';

export interface Place {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionAnswer extends Place {
  readonly code: number;
}

export interface Described {
  readonly code: number;
  readonly state: string;
  readonly producerId: number;
  readonly epoch: number;
  /** Partitions that still wait for a marker, or were added so far. */
  readonly partitions: readonly string[];
}

export interface PartitionState extends PartitionAnswer {
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

/** Metadata v5: brokers and the partitions of these topics. */
export async function metadata(
  link: Link,
  topics: readonly string[],
): Promise<{ nodes: Node[]; partitions: PartitionState[] }> {
  const answer = await link.call({
    apiKey: 3,
    apiVersion: 5,
    body: (writer) => {
      texts(writer, topics);
      writer.int8(0);
    },
  });
  answer.skip(4);
  const nodes = answer.array(() => {
    const node = { id: answer.int32(), host: answer.text(), port: answer.int32() };
    answer.text();
    return node;
  });
  answer.text();
  answer.skip(4);
  const partitions = answer.array(() => {
    answer.skip(2);
    const topic = answer.text();
    answer.skip(1);
    return answer.array(() => {
      const code = answer.int16();
      const partition = answer.int32();
      const leader = answer.int32();
      const replicas = answer.array(() => answer.int32());
      const inSync = answer.array(() => answer.int32());
      answer.array(() => answer.int32());
      return { topic, partition, code, leader, replicas, inSync };
    });
  });
  return { nodes, partitions: partitions.flat() };
}

export async function findCoordinator(link: Link, transactionalId: string): Promise<{ code: number; node: Node }> {
  const answer = await link.call({
    apiKey: 10,
    apiVersion: 1,
    body: (writer) => {
      writer.text(transactionalId);
      writer.int8(1);
    },
  });
  const code = answer.skip(4).int16();
  answer.text();
  return { code, node: { id: answer.int32(), host: answer.text(), port: answer.int32() } };
}

export async function initProducerId(
  link: Link,
  transactionalId: string,
  timeoutMs: number,
): Promise<Epoch & { code: number }> {
  const answer = await link.call({
    apiKey: 22,
    apiVersion: 1,
    body: (writer) => {
      writer.text(transactionalId);
      writer.int32(timeoutMs);
    },
  });
  return { code: answer.skip(4).int16(), producerId: answer.int64(), producerEpoch: answer.int16() };
}

export async function addPartitions(
  link: Link,
  transactionalId: string,
  epoch: Epoch,
  places: readonly Place[],
): Promise<PartitionAnswer[]> {
  const answer = await link.call({
    apiKey: 24,
    apiVersion: 1,
    body: (writer) => {
      identity(writer, transactionalId, epoch);
      byTopic(writer, places, (partitions) => {
        writer.int32(partitions.length);
        partitions.forEach(({ partition }) => writer.int32(partition));
      });
    },
  });
  answer.skip(4);
  return answer
    .array(() => {
      const topic = answer.text();
      return answer.array(() => ({ topic, partition: answer.int32(), code: answer.int16() }));
    })
    .flat();
}

export async function endTransaction(link: Link, id: string, epoch: Epoch, commit: boolean): Promise<number> {
  const answer = await link.call({
    apiKey: 26,
    apiVersion: 1,
    body: (writer) => {
      identity(writer, id, epoch);
      writer.int8(commit ? 1 : 0);
    },
  });
  return answer.skip(4).int16();
}

/** Produce v7 of one record to one partition. */
export async function produce(
  link: Link,
  transactionalId: string | null,
  epoch: Epoch,
  record: Place & { readonly sequence: number; readonly value: string },
  timeoutMs = 2_500,
): Promise<{ code: number; offset: number }> {
  const batch = oneRecordBatch(record.value, epoch, record.sequence, transactionalId !== null);
  const answer = await link.call({
    apiKey: 0,
    apiVersion: 7,
    body: (writer) => {
      if (transactionalId === null) writer.int16(-1);
      else writer.text(transactionalId);
      writer.int16(-1);
      writer.int32(timeoutMs);
      byTopic(writer, [record], () => {
        writer.int32(1);
        writer.int32(record.partition);
        writer.int32(batch.length);
        writer.bytes(batch);
      });
    },
  });
  const [one] = answer
    .array(() => {
      answer.text();
      return answer.array(() => {
        const got = { partition: answer.int32(), code: answer.int16(), offset: answer.int64() };
        answer.skip(16);
        return got;
      });
    })
    .flat();
  return one ?? { code: -1, offset: -1 };
}

/** ListOffsets v2 to the end: the high watermark, or the last stable offset. */
export async function endOffset(
  link: Link,
  place: Place,
  isolation: 'committed' | 'uncommitted',
): Promise<{ code: number; offset: number }> {
  const answer = await link.call({
    apiKey: 2,
    apiVersion: 2,
    body: (writer) => {
      writer.int32(-1);
      writer.int8(isolation === 'committed' ? 1 : 0);
      byTopic(writer, [place], () => {
        writer.int32(1);
        writer.int32(place.partition);
        writer.int64(-1n);
      });
    },
  });
  answer.skip(4);
  const [one] = answer
    .array(() => {
      answer.text();
      return answer.array(() => {
        answer.skip(4);
        const code = answer.int16();
        answer.skip(8);
        return { code, offset: answer.int64() };
      });
    })
    .flat();
  return one ?? { code: -1, offset: -1 };
}

/** Fetch v4 from offset 0: what a read_committed consumer is given, raw. */
export async function fetchCommitted(
  link: Link,
  place: Place,
): Promise<{
  code: number;
  stable: number;
  high: number;
  aborted: { producerId: number; first: number }[];
  raw: Buffer;
}> {
  const answer = await link.call({
    apiKey: 1,
    apiVersion: 4,
    body: (writer) => {
      writer.int32(-1);
      writer.int32(0);
      writer.int32(0);
      writer.int32(1 << 22);
      writer.int8(1);
      byTopic(writer, [place], () => {
        writer.int32(1);
        writer.int32(place.partition);
        writer.int64(0n);
        writer.int32(1 << 22);
      });
    },
  });
  answer.skip(4);
  const [one] = answer
    .array(() => {
      answer.text();
      return answer.array(() => {
        answer.skip(4);
        const code = answer.int16();
        const high = answer.int64();
        const stable = answer.int64();
        const aborted = answer.array(() => ({ producerId: answer.int64(), first: answer.int64() }));
        return { code, high, stable, aborted, raw: answer.bytes() };
      });
    })
    .flat();
  if (one === undefined) throw new Error('Fetch answered nothing');
  return one;
}

/** DescribeTransactions v0 (api key 65): what the coordinator has in memory about one id. */
export async function describeTransaction(link: Link, transactionalId: string): Promise<Described> {
  const answer = await link.call({
    apiKey: 65,
    apiVersion: 0,
    flexible: true,
    body: (writer) => {
      writer.int8(2);
      compactText(writer, transactionalId);
      writer.int8(0);
    },
  });
  answer.skip(4);
  const [one] = answer.compactArray(() => {
    const code = answer.int16();
    answer.compactText();
    const state = answer.compactText();
    answer.skip(4 + 8);
    const producerId = answer.int64();
    const epoch = answer.int16();
    const partitions = answer.compactArray(() => {
      const topic = answer.compactText();
      const numbers = answer.compactArray(() => answer.int32());
      answer.tags();
      return numbers.map((partition) => `${topic}/${partition}`);
    });
    answer.tags();
    return { code, state, producerId, epoch, partitions: partitions.flat().sort() };
  });
  return one ?? { code: -1, state: '', producerId: -1, epoch: -1, partitions: [] };
}

export async function deleteTopic(link: Link, topic: string): Promise<number> {
  const answer = await link.call({
    apiKey: 20,
    apiVersion: 1,
    body: (writer) => {
      texts(writer, [topic]);
      writer.int32(10_000);
    },
  });
  answer.skip(4);
  const [code = -1] = answer.array(() => {
    answer.text();
    return answer.int16();
  });
  return code;
}

function identity(writer: ByteWriter, transactionalId: string, { producerId, producerEpoch }: Epoch): void {
  writer.text(transactionalId);
  writer.int64(BigInt(producerId));
  writer.int16(producerEpoch);
}

function texts(writer: ByteWriter, values: readonly string[]): void {
  writer.int32(values.length);
  values.forEach((value) => writer.text(value));
}

function byTopic(writer: ByteWriter, places: readonly Place[], rest: (places: readonly Place[]) => void): void {
  const topics = [...new Set(places.map(({ topic }) => topic))];
  writer.int32(topics.length);
  for (const topic of topics) {
    writer.text(topic);
    rest(places.filter((place) => place.topic === topic));
  }
}
