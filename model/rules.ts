/** The rules of the drain protocol (design of D0–D5). Each can be switched off; the model then has to find what it prevents. */
export const RULES = {
  pgFence: 'every Postgres write of a drain requires its own fence',
  recheckFence: 'the fence is checked again after InitProducerId',
  haltUnderFence: 'a drain halts only if it still holds the fence: rows of a newer drain are no contradiction',
  clockAfterLedger: "D1 takes the clock after the ledger was read: a drain frozen in between must see the ledger's age",
  serverFenced: 'a fence is good for one server only: after a fail-over every drain takes over anew',
  expiryFromRecording: 'the age of a settled ledger counts from the recording of its batch, not from its settling',
  ledgerAfterInit: 'the ledger is read after InitProducerId, not before',
  stableLedger: 'the ledger is read stable: with every commit that was decided before',
  readsLog: 'before a batch is sent again, and before a halt, what the ledger does not say is looked up in its log',
  confirmLedger:
    'the first batch after a take-over is committed only if the ledger beside the transaction is what was read',
  looksAgain:
    'where the log cannot be read, a ledger that is missing or behind is looked at again before the drain halts',
  missingLedgerHalts: 'a missing ledger counts as "not committed" only while it cannot have expired',
  ledgerNamesBatch: "the ledger's metadata must name the batch of that seq",
  newEpochOnDoubt: 'after any doubt: a new producer, a new epoch',
  recordAfterLedger: 'batch n+1 is recorded only after the Kafka commit of n',
  compareAndSet: 'seq is counted in memory and compared with the row, not max + 1',
  excludeMembers: 'a claim leaves out the members of unsettled batches',
  noIdBound: 'a claim has no lower bound of ids: late commits have lower ids',
  revisionChecked: 'a batch is recorded only under the revision that it was selected under',
  settleOnce: 'a settle requires the fence and that very batch unsettled',
  holdKey: 'later events of a key wait while one of it is parked: claims, screening and recording anew leave them out',
  adoptReadsMessages: 'adopt marks as published what the messages show, not only what the ledger names',
  adoptComparesKeys: 'adopt takes an event for a message only if dedupe key and replay are the same, not the id alone',
  resendDropsFirst:
    'resend drops the unsettled batches before it sets the ledger: until then both sides contradict each other',
  resendKeepsNumbers:
    'without any ledger resend lets the dropped batches keep their numbers: zeros would agree with no ledger',
  operatorsRefuse: 'operators and replays do not touch events of unsettled batches',
  pauseAtRecord: 'a batch is recorded only while the row says no pause, in the same statement',
  takesBack: 'where nothing may be sent, a recorded batch that Kafka never got is taken back',
  looksTakeBack: 'every look takes back what Kafka never got, also one of a publisher that waits for tokens',
  retriesSubtract: 'a retried drain subtracts what its grant recorded',
  asksUnderFence: 'it asks for that again after its take-over: until then a live attempt before it may record',
  againGrantsNothing: 'what runs again after an order that ended a drain is a grant of nothing under the same grant',
  failuresAsk: 'a drain that fails asks Postgres what its grant recorded: an answer may be lost, a take-over may fail',
  lateStartsStop:
    'an attempt that was given up before its take-over does not begin (the product: unless it freezes just before it)',
  resendFits: 'a batch that is sent again is cut to the grant, which is a probe',
  heedsBreaker: 'no drain while the breaker is open',
  looksDecideNothing: 'a probe that an order ended decides nothing: the grant of nothing that follows it has not tried',
} as const;

export type Rule = keyof typeof RULES;
export type Rules = Readonly<Record<Rule, boolean>>;

export const RULE_NAMES = Object.keys(RULES) as Rule[];

/** The whole protocol, or without some of its rules. */
export function rulesWithout(...off: readonly Rule[]): Rules {
  return Object.fromEntries(RULE_NAMES.map((rule) => [rule, !off.includes(rule)])) as Record<Rule, boolean>;
}
