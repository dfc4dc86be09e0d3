// kafkajs' own record encoder and decoder, to compare with.

declare module 'kafkajs/src/protocol/recordBatch/record/v0' {
  interface Encoder {
    readonly buf: Buffer;
    readonly buffer: Buffer;
  }
  function Record(record: {
    offsetDelta: number;
    timestampDelta: number;
    key: Buffer | null;
    value: Buffer | null;
    headers: { [name: string]: string };
  }): Encoder;
  export = Record;
}

declare module 'kafkajs/src/protocol/recordBatch/v0' {
  export function RecordBatch(batch: {
    firstTimestamp: number;
    maxTimestamp: number;
    lastOffsetDelta: number;
    transactional: boolean;
    producerId: string;
    producerEpoch: number;
    firstSequence: number;
    records: unknown[];
  }): Promise<{ readonly buffer: Buffer }>;
}

declare module 'kafkajs/src/protocol/recordBatch/v0/decoder' {
  function decode(decoder: unknown): Promise<{
    readonly records: readonly {
      readonly offset: string;
      readonly timestamp: string;
      readonly key: Buffer | null;
      readonly value: Buffer | null;
      readonly headers: Readonly<{ [name: string]: Buffer }>;
    }[];
  }>;
  export = decode;
}

declare module 'kafkajs/src/protocol/decoder' {
  class Decoder {
    constructor(buffer: Buffer);
  }
  export = Decoder;
}

declare module 'kafkajs/src/protocol/recordBatch/crc32C' {
  function crc32C(buffer: Buffer): number;
  export = crc32C;
}

declare module 'kafkajs/src/producer/partitioners/default/murmur2' {
  function murmur2(key: Buffer): number;
  export = murmur2;
}
