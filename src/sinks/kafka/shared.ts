import { OutboxError, isOutboxError } from '../../domain/errors';
import { AnswerError } from './answer-error';
import { Connections } from './connections';
import { Deadline } from './deadline';
import { asOutboxError } from './failures';
import { CREATION_MS, TopicDirectory } from './topic-directory';
import type { KafkaSettings } from './options';

/** What all producers of a process share: one lazy connection for questions, and what was learned with it. */
export class Shared {
  readonly directory: TopicDirectory;
  #connections: Connections | null = null;
  #closed = false;

  constructor(readonly settings: KafkaSettings) {
    this.directory = new TopicDirectory(settings, (work) => this.use('asking about topics', work));
  }

  /**
   * Runs `work`, which must be repeatable, with the shared connections. A broken connection is replaced and the work
   * repeated once: brokers close idle connections, and the first to notice is the next request. Rejects with OutboxErrors.
   */
  async use<T>(doing: string, work: (connections: Connections) => Promise<T>): Promise<T> {
    try {
      return await this.#once(work);
    } catch (first) {
      const failure = asOutboxError(first, { phase: 'prepare', doing });
      if (isAnswered(first) || failure.code !== 'KAFKA_UNAVAILABLE' || this.#closed) throw failure;
    }
    try {
      return await this.#once(work);
    } catch (second) {
      throw asOutboxError(second, { phase: 'prepare', doing });
    }
  }

  async reachable(timeoutMs: number): Promise<boolean> {
    const topics = [this.settings.ledgerTopic];
    const asking = this.use('asking for metadata', async (connections) =>
      connections.ask(await connections.any(), 'Metadata', { topics, allowAutoTopicCreation: false }),
    );
    try {
      await new Deadline(timeoutMs).race(asking);
      return true;
    } catch (error) {
      this.settings.logger.debug({ error: String(error) }, 'Kafka cannot be reached');
      return false;
    }
  }

  close(): void {
    this.#closed = true;
    this.#connections?.destroy();
  }

  async #once<T>(work: (connections: Connections) => Promise<T>): Promise<T> {
    if (this.#closed)
      throw new OutboxError('SHUTTING_DOWN', 'The connection to Kafka is closed; start the process anew.');
    const connections = (this.#connections ??= new Connections(this.settings));
    try {
      return await new Deadline(this.#patienceMs()).race(work(connections));
    } catch (error) {
      if (!isAnswered(error) && this.#connections === connections) {
        this.#connections = null;
        connections.destroy();
      }
      throw error;
    }
  }

  /**
   * A connection, the requests of one question, and the wait for a topic that was just made. Each request has its own time-out; this is
   * for what hangs without one, because all publishers of a worker may wait for the same answer.
   */
  #patienceMs(): number {
    return this.settings.connectionTimeoutMs + 4 * this.settings.requestTimeoutMs + CREATION_MS;
  }
}

/** True if the connection worked: the broker said no, or we did. */
function isAnswered(error: unknown): boolean {
  return error instanceof AnswerError || isOutboxError(error);
}
