import { AnswerError, CODE } from '../../../../src/sinks/kafka/answer-error';
import { offsetFetch } from '../../../../src/sinks/kafka/offset-fetch';
import { Sequences } from '../../../../src/sinks/kafka/sequences';

/** An answer to OffsetFetch v7 for one partition, as the protocol guide lays it out. */
function answer(topic: string, partition: number, offset: bigint, metadata: string | null, codes = [0, 0]): Buffer {
  const body = Buffer.alloc(30);
  let at = body.writeUInt8(2, 0); // one partition
  at = body.writeInt32BE(partition, at);
  at = body.writeBigInt64BE(offset, at);
  at = body.writeInt32BE(-1, at);
  const meta = metadata === null ? Buffer.of(0) : Buffer.concat([compactLength(metadata), Buffer.from(metadata)]);
  const end = Buffer.alloc(6);
  end.writeInt16BE(codes[0] ?? 0, 0);
  end.writeInt16BE(codes[1] ?? 0, 4 - 0);
  return Buffer.concat([
    Buffer.of(0, 0, 0, 0, 0), // header's tagged fields, throttle time
    Buffer.of(2),
    compactLength(topic),
    Buffer.from(topic),
    body.subarray(0, at),
    meta,
    end.subarray(0, 2),
    Buffer.of(1, 5, 2, 9, 9), // a tagged field that we do not know: tag 5, two bytes
    Buffer.of(0),
    end.subarray(4, 6),
    Buffer.of(0),
  ]);
}

function compactLength(text: string): Buffer {
  const length = Buffer.byteLength(text) + 1;
  return length < 128 ? Buffer.of(length) : Buffer.of((length & 0x7f) | 0x80, length >> 7);
}

describe('OffsetFetch 7', () => {
  it('asks for a stable offset in the flexible encoding', () => {
    const expected = Buffer.concat([
      Buffer.of(0, 2),
      Buffer.from('g'),
      Buffer.of(2, 3),
      Buffer.from('to'),
      Buffer.of(2, 0, 0, 0, 3, 0, 1, 0),
    ]);
    expect(offsetFetch('g', 'to', 3).encode()).toEqual(expected);
    expect(offsetFetch('g'.repeat(200), 'to', 3).encode().subarray(0, 3)).toEqual(Buffer.of(0, 201 - 128 + 128, 1));
  });

  it('reads offset and metadata past fields that it does not know', () => {
    const metadata = 'm'.repeat(300);
    const request = offsetFetch('g', 'ledger', 0);
    expect(request.decode(answer('ledger', 0, 2n ** 40n, metadata))).toEqual({ offset: String(2 ** 40), metadata });
    expect(request.decode(answer('ledger', 0, -1n, null))).toEqual({ offset: '-1', metadata: '' });
  });

  it('throws the error codes of the partition and of the answer', () => {
    const request = offsetFetch('g', 'ledger', 0);
    const code = (codes: number[]): unknown => {
      try {
        return request.decode(answer('ledger', 0, 1n, '', codes));
      } catch (error) {
        return error instanceof AnswerError ? error.code : error;
      }
    };
    expect(code([CODE.UNSTABLE_OFFSET_COMMIT, 0])).toBe(CODE.UNSTABLE_OFFSET_COMMIT);
    expect(code([0, CODE.NOT_COORDINATOR])).toBe(CODE.NOT_COORDINATOR);
  });

  it('refuses an answer that does not name the ledger or ends too early', () => {
    const request = offsetFetch('g', 'ledger', 0);
    expect(() => request.decode(answer('other', 0, 1n, ''))).toThrow('does not name');
    expect(() => request.decode(answer('ledger', 0, 1n, '').subarray(0, 20))).toThrow('ends too early');
  });
});

describe('sequence numbers', () => {
  it('count per partition and wrap to the remainder after 2^31 - 1', () => {
    const sequences = new Sequences();
    sequences.advance('t', 0, 2 ** 31 - 3);
    expect(sequences.next('t', 0)).toBe(2_147_483_645);
    expect(sequences.next('t', 1)).toBe(0);
    sequences.advance('t', 0, 10);
    expect(sequences.next('t', 0)).toBe(7);
    sequences.reset();
    expect(sequences.next('t', 0)).toBe(0);
  });
});
