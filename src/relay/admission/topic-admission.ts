import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '../../domain/errors';
import { Admission } from '../../domain/relay/admission';
import type { AdmissionState } from '../../domain/relay/admission';
import type { RelayKafka } from '../../kafka/relay-kafka';
import { isTopicCode } from '../../kafka/topic-health';
import type { BlockedTopic } from '../../kafka/topic-health';
import type { Db } from '../../postgres/query';
import {
  admitTopics,
  changedAdmissions,
  dueAdmissions,
  suspendLonger,
  suspendTopic,
} from '../../postgres/relay/admissions';
import { Probing } from './probing';

/** A claim waits so long (ms) for the probe of topics that nobody knows; then their events are set aside until it has ended. */
const PATIENCE_MS = 100;
/** Metadata of an admission is so old at most, ms. */
const METADATA_MS = 5_000;
const LOOKS_AT_ONCE = 50;
const PROBES_AT_ONCE = 200;
/** Bounds what tenants can fill memory with by naming topics that are not theirs. */
const MOST_UNUSABLE = 10_000;

export interface AdmissionObserver {
  /** Relays leave the topic out from now on, or have it again. */
  admission(topic: string, what: 'lost' | 'regained', why: string): void;
  note(what: string, details: Readonly<Record<string, unknown>>): void;
}

/** Which topics the relays of one worker may have in their transactions (see Admission), and the probes that find out. */
export class TopicAdmission {
  readonly #known = new Admission();
  readonly #probing: Probing;
  readonly #listeners = new Set<() => void>();
  /** Topics that are to be probed, or are being probed, with who waits for it. */
  readonly #wanted = new Map<string, (() => void)[]>();
  #probes: Promise<void> | null = null;
  #looks: Promise<void> | null = null;
  /** What the table does not say yet, in order. */
  #unsaved: (() => Promise<void>)[] = [];
  #saving: Promise<void> | null = null;
  #since: string | null = null;
  /** Topics that are to be probed again, for nothing was learned. */
  readonly #unsure = new Set<string>();
  /** Unknown topics that a probe was refused for, with why. */
  readonly #unusable = new Map<string, BlockedTopic>();

  constructor(
    private readonly db: Db,
    private readonly kafka: RelayKafka,
    private readonly observer: AdmissionObserver,
  ) {
    this.#probing = new Probing(kafka);
  }

  stateOf(topic: string): AdmissionState {
    return this.#known.stateOf(topic);
  }

  get suspended(): number {
    return this.#known.suspended;
  }

  /** Is called when a topic was admitted. Answers how to be called no more. */
  listen(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** The topics among these that may not be sent to, with why. Those that nobody knows are probed first, for a moment. */
  async refused(topics: readonly string[]): Promise<readonly BlockedTopic[]> {
    if (this.#unusable.size > MOST_UNUSABLE) this.#unusable.clear();
    const unknown = topics.filter((topic) => this.stateOf(topic) === 'unknown');
    if (unknown.length > 0) {
      const patience = new AbortController();
      const probed = Promise.all(unknown.map((topic) => this.#probed(topic)));
      await Promise.race([probed, delay(PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => undefined)]);
      patience.abort();
    }
    return topics.flatMap((topic) => this.#refusal(topic));
  }

  /** A transaction says that this topic's partitions cannot take their part. */
  lost(topic: string, why: string, hung = true): void {
    if (!this.#known.suspend(topic, why)) return;
    this.observer.admission(topic, 'lost', why);
    this.#save(() => suspendTopic(this.db, topic, why, hung));
  }

  /** Probes go by the number of this relay, which this worker holds. The first one that is heard of stays. */
  use(relay: number): void {
    this.#probing.use(relay);
  }

  /** Once a second: hears what other workers found, and looks at suspended ones that are due. */
  async tick(): Promise<void> {
    await this.#flush();
    const suspended = this.#known.suspendedTopics();
    const rows = await changedAdmissions(this.db, this.#since, suspended);
    // What was found meanwhile is newer than what was read.
    if (this.#unsaved.length > 0) return;
    // A fail-over may have lost the row, or its later state: no worker would ever look at the topic again.
    const found = new Set(rows.map(({ topic }) => topic));
    for (const topic of suspended) if (!found.has(topic)) this.#known.forget(topic);
    for (const { topic, suspended, changedAt } of rows) {
      this.#since = changedAt;
      if (suspended !== null) this.#known.suspend(topic, suspended.why);
      else if (this.#known.admit(topic)) this.#tell();
    }
    for (const topic of this.#unsure) if (this.stateOf(topic) === 'unknown') void this.#probed(topic);
    this.#unsure.clear();
    if (this.#known.suspended === 0 || !this.#probing.isReady || this.#looks !== null) return;
    const due = await dueAdmissions(this.db, LOOKS_AT_ONCE);
    if (due.length > 0) this.#looks = this.#look(due).finally(() => void (this.#looks = null));
  }

  async stop(): Promise<void> {
    this.#probing.destroy();
    await Promise.allSettled([this.#saving, this.#probes, this.#looks]);
  }

  #refusal(topic: string): BlockedTopic[] {
    const state = this.stateOf(topic);
    if (state === 'admitted') return [];
    const unusable = state === 'unknown' ? this.#unusable.get(topic) : undefined;
    if (unusable !== undefined) return [unusable];
    const why = this.#known.whyNot(topic) ?? `Whether topic "${topic}" takes transactions is not known yet. Wait.`;
    return [{ topic, code: 'KAFKA_TOPIC_UNAVAILABLE', reason: why }];
  }

  #probed(topic: string): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#wanted.get(topic);
      if (waiting !== undefined) return void waiting.push(resolve);
      this.#wanted.set(topic, [resolve]);
      this.#probes ??= this.#probeWanted().finally(() => void (this.#probes = null));
    });
  }

  async #probeWanted(): Promise<void> {
    while (this.#wanted.size > 0) {
      const topics = [...this.#wanted.keys()].slice(0, PROBES_AT_ONCE);
      try {
        await this.#decide(topics, false);
      } catch (error) {
        for (const topic of topics) this.#unsure.add(topic);
        this.observer.note('topics could not be probed', { topics: topics.slice(0, 10), error: errorMessage(error) });
      } finally {
        for (const topic of topics) this.#done(topic);
      }
    }
  }

  /** Metadata first, then a probe of those that it finds well. */
  async #decide(topics: readonly string[], again: boolean): Promise<void> {
    const standing = await this.kafka.standing(topics, again ? 0 : METADATA_MS);
    const well = new Map<string, number>();
    for (const topic of topics) {
      const found = standing.get(topic);
      // Missing or forbidden: what is to be said of it, a look at topics says.
      if (found === undefined) {
        if (again) this.#admit([topic]);
      } else if (found.fault === null) well.set(topic, found.partitions);
      else if (!again) this.lost(topic, found.fault, false);
    }
    const clear: string[] = [];
    const hung: string[] = [];
    await this.#probing.probe(well, (topic, verdict, why, code) => {
      if (code === null || !isTopicCode(code)) this.#unusable.delete(topic);
      else this.#unusable.set(topic, { topic, code, reason: why });
      if (verdict === 'clear') {
        clear.push(topic);
        this.#know(topic);
      } else if (verdict === 'hung' && again) hung.push(topic);
      else if (verdict === 'hung') this.lost(topic, why);
      else if (!this.#unusable.has(topic)) this.#unsure.add(topic);
    });
    this.#admit(clear);
    if (hung.length > 0) this.#save(() => suspendLonger(this.db, hung));
  }

  async #look(due: readonly string[]): Promise<void> {
    try {
      await this.#decide(due, true);
    } catch (error) {
      this.observer.note('topics could not be looked at', { topics: due.slice(0, 10), error: errorMessage(error) });
    }
  }

  #admit(topics: readonly string[]): void {
    if (topics.length === 0) return;
    for (const topic of topics) this.#know(topic);
    this.#save(() => admitTopics(this.db, topics));
  }

  /** Nobody has to wait for the table. */
  #know(topic: string): void {
    const before = this.stateOf(topic);
    if (!this.#known.admit(topic)) return;
    if (before === 'suspended') this.observer.admission(topic, 'regained', '');
    this.#done(topic);
    this.#tell();
  }

  #done(topic: string): void {
    const waiting = this.#wanted.get(topic) ?? [];
    this.#wanted.delete(topic);
    for (const resolve of waiting) resolve();
  }

  #tell(): void {
    for (const changed of this.#listeners) changed();
  }

  #save(write: () => Promise<void>): void {
    this.#unsaved.push(write);
    void this.#flush().catch(() => undefined);
  }

  /** One after the other; what failed is tried again by the next tick, which rejects until then. */
  #flush(): Promise<void> {
    return (this.#saving ??= this.#writeAll().finally(() => void (this.#saving = null)));
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#unsaved[0]; next !== undefined; next = this.#unsaved[0]) {
      await next();
      this.#unsaved.shift();
    }
  }
}
