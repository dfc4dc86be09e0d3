import { AnswerError, CODE } from '../../sinks/kafka/answer-error';
import { ByteWriter } from '../../sinks/kafka/byte-writer';
import type { OwnRequest } from '../../sinks/kafka/connections';
import { WireReader } from './wire-reader';

const METADATA = 3;
const VERSION = 12;
const ID_BYTES = 16;
/** Of a compact length: a topic's name has at most 249 bytes, which takes two bytes as a varint. */
const TWO_BYTES = 0x80;

/**
 * Metadata of one topic, version 12 (Kafka 3.2), which kafkajs does not know: the topic's id as 32 hexadecimal digits. A topic that was deleted
 * and made anew has another one. Null = there is none.
 */
export function topicId(topic: string): OwnRequest<{ readonly id: string | null }> {
  return {
    apiKey: METADATA,
    apiVersion: VERSION,
    apiName: 'Metadata',
    encode: () => encode(Buffer.from(topic)),
    decode: (answer) => decode(answer, topic),
  };
}

function encode(name: Buffer): Buffer {
  const writer = new ByteWriter(name.length + 32);
  writer.int8(0); // no tagged fields end the request's header
  writer.int8(2); // one topic: compact lengths are one more
  writer.bytes(Buffer.alloc(ID_BYTES)); // named, not by id
  const length = name.length + 1;
  if (length >= TWO_BYTES) writer.bytes(Uint8Array.of((length & 0x7f) | TWO_BYTES, length >>> 7));
  else writer.int8(length);
  writer.bytes(name);
  writer.bytes(Buffer.alloc(4)); // of the topic no tags; create nothing; no rights asked; no tags
  return Buffer.from(writer.written());
}

function decode(answer: Buffer, topic: string): { readonly id: string | null } {
  const reader = new WireReader(answer);
  reader.taggedFields();
  reader.skip(4); // throttle time
  reader.compactArray(() => {
    reader.skip(4); // node
    reader.compactText();
    reader.skip(4); // port
    reader.compactText();
    reader.taggedFields();
  });
  reader.compactText(); // cluster
  reader.skip(4); // controller
  // Of the one topic that was asked for only what stands at its front is read.
  if (reader.unsigned() !== 2) throw new RangeError('the answer to Metadata does not have the one topic');
  const errorCode = reader.int16();
  reader.compactText();
  const id = reader.hex(ID_BYTES);
  if (errorCode === CODE.UNKNOWN_TOPIC_OR_PARTITION) return { id: null };
  if (errorCode !== 0) throw new AnswerError(errorCode, 'Metadata', topic);
  return { id };
}
