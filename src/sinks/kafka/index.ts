import type { Sink } from '../sink';
import { whyLogUnreadable } from './ledger-log';
import { peekLedger } from './ledger-peek';
import { findMessages } from './message-search';
import { withDefaults } from './options';
import type { KafkaSinkOptions } from './options';
import { KafkaSession } from './session';
import type { SessionObserver } from './session';
import { Shared } from './shared';

export type { KafkaSinkLogger, KafkaSinkOptions, TransactionOutcome } from './options';

/**
 * Kafka as a destination. Nothing is connected until it is used; every rejection is an OutboxError. A session owns its
 * sockets and its epoch; questions about topics and brokers share one connection and are cached.
 */
export function createKafkaSink(options: KafkaSinkOptions): Sink {
  const settings = withDefaults(options);
  const shared = new Shared(settings);
  const sessions = new Set<KafkaSession>();
  /** Why the last session of a publisher ended, until a new one has taken over. */
  const failures = new Map<string, string>();
  const observer: SessionObserver = {
    tookOver: (publisher) => {
      const reason = failures.get(publisher);
      failures.delete(publisher);
      if (reason !== undefined) settings.onReinit(reason);
    },
    failed: (publisher, { code, details }) => {
      failures.set(publisher, code);
      settings.logger.debug({ publisher, code, details }, 'session in doubt');
    },
    ended: (session) => sessions.delete(session),
  };
  return {
    open: (ref) => {
      const session = new KafkaSession(shared, ref, observer);
      sessions.add(session);
      return session;
    },
    peekLedger: (ref) => peekLedger(shared, ref),
    findMessages: (ref, search) => findMessages(settings, ref, search),
    ledgerRetentionMs: () => shared.ledgerRetentionMs(),
    ledgerState: () => shared.ledgerState(),
    // Any of its partitions will do: rights are the topic's.
    ledgerLogProblem: () =>
      shared.use('looking at the log of the ledgers', (connections) =>
        whyLogUnreadable(connections, settings.ledgerTopic),
      ),
    reachable: (timeoutMs) => shared.reachable(timeoutMs),
    close: async () => {
      await Promise.all([...sessions].map((session) => session.discard()));
      shared.close();
    },
  };
}
