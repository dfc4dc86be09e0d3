import fc from 'fast-check';
import { FrameSplitter, readEndTxn } from '../../../faults/proxy/kafka-frames';

function frame(body: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeInt32BE(body.length);
  return Buffer.concat([head, body]);
}

describe('FrameSplitter', () => {
  it('finds the frames however the network cut the stream', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 })),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        (bodies, cuts) => {
          const frames = bodies.map((body) => frame(Buffer.from(body)));
          const stream = Buffer.concat(frames);
          const splitter = new FrameSplitter();
          const found: Buffer[] = [];
          for (let at = 0, turn = 0; at < stream.length; turn += 1) {
            const size = cuts[turn % cuts.length]!;
            found.push(...splitter.push(stream.subarray(at, at + size)));
            at += size;
          }
          expect(found.map((bytes) => bytes.toString('hex'))).toEqual(frames.map((bytes) => bytes.toString('hex')));
        },
      ),
    );
  });

  it('refuses what is not Kafka’s protocol', () => {
    expect(() => new FrameSplitter().push(Buffer.from('GET / HTTP/1.1'))).toThrow(/not Kafka/);
  });
});

describe('readEndTxn', () => {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(2);
    length.writeInt16BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const request = (apiKey: number, version: number, body: Buffer): Buffer => {
    const head = Buffer.alloc(8);
    head.writeInt16BE(apiKey, 0);
    head.writeInt16BE(version, 2);
    return frame(Buffer.concat([head, text('client'), body]));
  };
  const outcome = (commit: boolean): Buffer => Buffer.concat([Buffer.alloc(8 + 2), Buffer.from([commit ? 1 : 0])]);

  it.each([true, false])('tells a commit (%s) in the old encoding and in the flexible one', (commit) => {
    const old = request(26, 1, Buffer.concat([text('outbox.x'), outcome(commit)]));
    const flexible = request(
      26,
      3,
      Buffer.concat([Buffer.from([0, 9]), Buffer.from('outbox.x'), outcome(commit), Buffer.from([0])]),
    );
    expect(readEndTxn(old)).toEqual({ transactionalId: 'outbox.x', commit });
    expect(readEndTxn(flexible)).toEqual({ transactionalId: 'outbox.x', commit });
  });

  it('is null for every other request', () => {
    expect(readEndTxn(request(0, 1, outcome(true)))).toBeNull();
  });
});
