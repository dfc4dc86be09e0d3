import { AnswerError } from '../../sinks/kafka/answer-error';
import { ByteWriter } from '../../sinks/kafka/byte-writer';
import type { OwnRequest } from '../../sinks/kafka/connections';
import { WireReader } from './wire-reader';

const DESCRIBE_TRANSACTIONS = 65;

/** What a transactional id's coordinator knows of its last transaction. */
export interface DescribedTransaction {
  /** `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit`, `CompleteAbort`, … as Kafka names them. */
  readonly state: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** ms since 1970; -1 = none is open. */
  readonly startedAt: number;
  /** While it is open those added so far; once it is decided those that still lack their marker. */
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[];
}

/** DescribeTransactions of one id, version 0, which is flexible: tagged fields end the request's header, too. */
export function describeTransactions(transactionalId: string): OwnRequest<DescribedTransaction> {
  return {
    apiKey: DESCRIBE_TRANSACTIONS,
    apiVersion: 0,
    apiName: 'DescribeTransactions',
    encode: () => {
      const id = Buffer.from(transactionalId);
      const writer = new ByteWriter(id.length + 16);
      writer.int8(0);
      writer.int8(2); // one id: compact lengths are one more
      for (let rest = id.length + 1; ; rest >>>= 7) {
        writer.bytes(Uint8Array.of(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest));
        if (rest <= 0x7f) break;
      }
      writer.bytes(id);
      writer.int8(0);
      return Buffer.from(writer.written());
    },
    decode,
  };
}

function decode(answer: Buffer): DescribedTransaction {
  const reader = new WireReader(answer);
  reader.taggedFields();
  reader.skip(4); // throttle time
  const [found] = reader.compactArray(() => {
    const errorCode = reader.int16();
    reader.compactText();
    const state = reader.compactText();
    reader.skip(4); // time-out
    const startedAt = reader.int64();
    const producerId = reader.int64();
    const producerEpoch = reader.int16();
    const topics = reader.compactArray(() => {
      const topic = reader.compactText();
      const partitions = reader.compactArray(() => ({ topic, partition: reader.int32() }));
      reader.taggedFields();
      return partitions;
    });
    reader.taggedFields();
    return { errorCode, state, startedAt, producerId, producerEpoch, partitions: topics.flat() };
  });
  if (found === undefined) throw new RangeError('the answer to DescribeTransactions names no transaction');
  const { errorCode, ...described } = found;
  if (errorCode !== 0) throw new AnswerError(errorCode, 'DescribeTransactions');
  return described;
}
