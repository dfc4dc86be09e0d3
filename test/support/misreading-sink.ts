import type { LedgerEntry, LoggedLedger, Sink, SinkSession } from '../../src/sinks/sink';

/** How a sink's sessions read the ledger, where it differs from what they do by themselves. */
export interface Readings {
  readonly readLedger: (session: SinkSession) => Promise<LedgerEntry | null>;
  readonly ledgerInLog?: (session: SinkSession, believed: LedgerEntry | null, ageMs: number) => Promise<LoggedLedger>;
  readonly confirmLedger?: SinkSession['confirmLedger'];
}

/** A real sink whose answers about the ledger pass through the test, as from a coordinator that has not loaded everything. */
export function misreading(sink: Sink, { readLedger, ledgerInLog, confirmLedger }: Readings): Sink {
  return {
    ...sink,
    open: (ref) => {
      const session = sink.open(ref);
      return {
        takeOver: () => session.takeOver(),
        readLedger: () => readLedger(session),
        confirmLedger: (believed, options) => (confirmLedger ?? session.confirmLedger.bind(session))(believed, options),
        ledgerInLog: (believed, ageMs) =>
          ledgerInLog === undefined ? session.ledgerInLog(believed, ageMs) : ledgerInLog(session, believed, ageMs),
        preflight: (events) => session.preflight(events),
        publish: (batch, options) => session.publish(batch, options),
        locate: (batch, entry) => session.locate(batch, entry),
        discard: () => session.discard(),
      };
    },
  };
}

/** The sink whose log was cleaned of one entry, as compaction does some time after the ledger was deleted. */
export function cleanedOf(sink: Sink, gone: LedgerEntry): Sink {
  return misreading(sink, {
    readLedger: (session) => session.readLedger(),
    ledgerInLog: async (session, believed, ageMs) => {
      const logged = await session.ledgerInLog(believed, ageMs);
      const isGone = logged.kind === 'read' && logged.entry?.batchId === gone.batchId;
      return isGone ? { kind: 'read', entry: null } : logged;
    },
  });
}
