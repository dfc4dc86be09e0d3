import { AcknowledgedIndex } from '../../../src/audit/acknowledged';
import type { Acknowledged } from '../../../src/audit/acknowledged';
import { RecordChecks, differentReplays, replayName } from '../../../src/audit/checks';
import { FINDING_KINDS } from '../../../src/audit/report';
import type { FindingKind } from '../../../src/audit/report';
import { acknowledgedEvent, messageOf } from '../../support/audited-message';
import type { MadeMessage } from '../../support/audited-message';

type PlacedMessage = MadeMessage & { topic?: string; partition?: number };

/** Audits `messages`: all on topic orders, partition 0 unless said. */
function read(events: readonly Acknowledged[], messages: readonly PlacedMessage[]): RecordChecks {
  const expected = new AcknowledgedIndex();
  for (const event of events) expected.add(event);
  const checks = new RecordChecks(expected, (_, topic) => topic === 'plain');
  messages.forEach(({ topic = 'orders', partition = 0, ...message }, offset) => {
    checks.committed(topic, partition, {
      ...message,
      offset: String(offset),
      timestamp: '0',
      isControlRecord: false,
      batchContext: { firstOffset: '0', lastOffsetDelta: 0, producerId: '1', inTransaction: true },
    });
  });
  checks.finish();
  return checks;
}

/** How often each kind was found. */
function judge(events: readonly Acknowledged[], messages: readonly PlacedMessage[]) {
  const checks = read(events, messages);
  const findings = checks.findings.result();
  const found: Partial<Record<FindingKind, number>> = {};
  for (const kind of FINDING_KINDS) if (findings[kind].count > 0) found[kind] = findings[kind].count;
  return { found, counts: checks.counts };
}

const events = [1, 2, 3].map((number) => acknowledgedEvent(number));
const [one, two, three] = events.map((event) => messageOf(event)) as [MadeMessage, MadeMessage, MadeMessage];
const withHeader = (message: MadeMessage, name: string, value: string): MadeMessage => ({
  ...message,
  headers: { ...message.headers, [name]: Buffer.from(value) },
});
const withoutHeader = (message: MadeMessage, name: string): MadeMessage => {
  const headers = { ...message.headers };
  delete headers[name];
  return { ...message, headers };
};

describe('RecordChecks', () => {
  it('finds nothing in a run where everything arrived once and in order', () => {
    expect(judge(events, [one, two, three])).toEqual({
      found: {},
      counts: expect.objectContaining({ seen: 3, committed: 3 }),
    });
  });

  it('finds a missing event', () => {
    expect(judge(events, [one, three]).found).toEqual({ missing: 1 });
  });

  it('finds a duplicate, and does not call it a break of order too', () => {
    expect(judge(events, [one, two, three, one]).found).toEqual({ duplicates: 1 });
  });

  it('takes a copy with a replay id for deliberate, the same replay twice for a duplicate', () => {
    const replayed = withHeader(withHeader(one, 'outbox-replay-id', 'r1'), 'outbox-replay-count', '1');
    expect(judge(events, [one, two, three, replayed])).toEqual({
      found: {},
      counts: expect.objectContaining({ replays: 1 }),
    });
    expect(judge(events, [one, two, three, replayed, replayed]).found).toEqual({ duplicates: 1 });
  });

  it('compares what it saw of replays with what the outbox says', () => {
    const copyOf = (message: MadeMessage): MadeMessage => withHeader(message, 'outbox-replay-id', 'r1');
    const { replays: seen } = read(events, [one, two, three, copyOf(one), copyOf(one), copyOf(two)]);
    expect([...seen]).toEqual([[replayName('acme', 'r1'), 2]]);
    expect(differentReplays(seen, new Map(seen))).toEqual([]);
    expect(differentReplays(seen, new Map([['acme r1', 3]]))).toEqual([
      'replay acme r1: 2 events in Kafka, 3 published by the outbox',
    ]);
    expect(differentReplays(seen, new Map())).toHaveLength(1);
  });

  it('finds an inversion within a key', () => {
    expect(judge(events, [one, three, two]).found).toEqual({ orderBreaks: 1 });
  });

  it('demands no order of events that were enqueued at the same time, nor across keys', () => {
    const overlapping = [
      acknowledgedEvent(1, { order: 1 }),
      acknowledgedEvent(2, { order: 1 }),
      acknowledgedEvent(3, { key: 'other', order: 0 }),
    ];
    expect(judge(overlapping, [two, one, messageOf(overlapping[2]!)]).found).toEqual({});
  });

  it('finds a key that moved to another partition', () => {
    expect(judge(events, [one, two, { ...three, partition: 1 }]).found).toEqual({ orderBreaks: 1 });
  });

  it.each([
    ['the tenant header of another audited tenant', withHeader(one, 'tenant-id', 'globex')],
    ['the tenant header of an unknown tenant', withHeader(one, 'tenant-id', 'nobody')],
    ['a message key of another tenant', { ...one, key: Buffer.from('globex:order-1') }],
    ['another topic', { ...one, topic: 'invoices' }],
  ])('finds %s', (_, message) => {
    const more = acknowledgedEvent(9, { tenant: 'globex' });
    const { found } = judge([events[0]!, more], [message, messageOf(more)]);
    expect(found.wrongTenant).toBe(1);
  });

  it('finds a second copy that leaked to another tenant', () => {
    expect(judge(events, [one, two, three, withHeader(one, 'tenant-id', 'nobody')]).found).toEqual({ wrongTenant: 1 });
  });

  it('finds other payload bytes, also where a tombstone was accepted', () => {
    expect(judge(events, [one, { ...two, value: Buffer.from('{"number": 2}') }, three]).found).toEqual({
      payloadDiffers: 1,
    });
    expect(judge([acknowledgedEvent(1, { payloadSha256: null })], [one]).found).toEqual({ payloadDiffers: 1 });
    expect(judge([acknowledgedEvent(1, { payloadSha256: null })], [{ ...one, value: null }]).found).toEqual({});
  });

  it.each([
    'event-type',
    'event-topic',
    'event-created-at',
    'content-type',
    'retry-count',
    'processing-attempt',
    'x-timestamp-ms',
    'x-schema-version',
    'x-producer-id',
  ])('finds the header %s missing', (name) => {
    expect(judge(events, [withoutHeader(one, name), two, three]).found).toEqual({ headerFaults: 1 });
  });

  it.each([
    ['event-created-at', 'yesterday'],
    ['x-producer-id', 'publisher:acme'],
    ['x-producer-id', '0a1b2c3d4e5f/relay-1'],
    ['x-producer-id', '0a1b2c3d4e5f/relay-1@0'],
    ['retry-count', '-1'],
    ['event-topic', 'invoices'],
  ])('finds the header %s with the value %s', (name, value) => {
    expect(judge(events, [withHeader(one, name, value), two, three]).found).toEqual({ headerFaults: 1 });
  });

  it('accepts any batch of any relay, and finds a lost header of the caller', () => {
    const other = withHeader(one, 'x-producer-id', '0a1b2c3d4e5f/relay-1023@987654');
    expect(judge([events[0]!], [other]).found).toEqual({});
    const own = acknowledgedEvent(1, { headers: { region: 'eu' } });
    expect(judge([own], [one]).found).toEqual({ headerFaults: 1 });
  });

  it('expects the content type that was given, and application/octet-stream where none was', () => {
    const given = acknowledgedEvent(1, { contentType: 'text/plain' });
    expect(judge([given], [one]).found).toEqual({ headerFaults: 1 });
    expect(judge([given], [withHeader(one, 'content-type', 'text/plain')]).found).toEqual({});
    const none = acknowledgedEvent(1, { contentType: null });
    expect(judge([none], [withHeader(one, 'content-type', 'application/octet-stream')]).found).toEqual({});
    expect(judge([none], [withoutHeader(one, 'content-type')]).found).toEqual({ headerFaults: 1 });
  });

  it('tells an event of a rolled-back transaction from one whose answer was lost and from other tenants', () => {
    const rolledBack = messageOf(acknowledgedEvent(7));
    expect(judge(events, [one, two, three, rolledBack]).found).toEqual({ unexpected: 1 });
    const lost = acknowledgedEvent(7, { id: null, maybe: true });
    expect(judge([...events, lost], [one, two, three, rolledBack])).toEqual({
      found: {},
      counts: expect.objectContaining({ maybeSeen: 1 }),
    });
    expect(judge([...events, lost], [one, two, three]).found).toEqual({});
    expect(judge([...events, lost], [one, two, three, rolledBack, rolledBack]).found).toEqual({ duplicates: 1 });
    const foreign = messageOf(acknowledgedEvent(8, { tenant: 'initech' }));
    expect(judge(events, [one, two, three, foreign])).toEqual({
      found: {},
      counts: expect.objectContaining({ foreign: 1 }),
    });
  });

  it('expects the ordering key alone on topics with plain keys', () => {
    const plain = acknowledgedEvent(1, { topic: 'plain' });
    expect(judge([plain], [{ ...messageOf(plain), topic: 'plain', key: Buffer.from('order-1') }]).found).toEqual({});
    expect(judge([plain], [{ ...messageOf(plain), topic: 'plain' }]).found).toEqual({ headerFaults: 1 });
  });
});
