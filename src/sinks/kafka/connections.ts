import Cluster from 'kafkajs/src/cluster/index';
import apiKeys from 'kafkajs/src/protocol/requests/apiKeys';
import { requests } from 'kafkajs/src/protocol/requests/index';
import { AnswerError } from './answer-error';
import { bridgeLogger } from './log-bridge';
import type { KafkaSettings } from './options';
import type { Answers, Requests } from './protocol';
import { SocketSet } from './sockets';

export type Broker = Cluster.Broker;

/** kafkajs' retry loops only rotate seed brokers and wait for sockets here; all else is retried (or not) by its callers. */
const CONNECT_RETRY = { initialRetryTime: 50, maxRetryTime: 300, factor: 0.2, multiplier: 2 };
const METADATA_MAX_AGE_MS = 180_000;
/** Kind of coordinator; 0 would be a consumer group's. */
const TRANSACTION = 1;

/** A request of our own encoding and decoding, sent through a broker's connection. */
export interface OwnRequest<T> {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  encode(): Buffer;
  decode(answer: Buffer): T;
}

/**
 * Connections to the brokers by kafkajs' Cluster (addresses, TLS, SASL, versions, correlation), without its Producer:
 * that one retries a send behind the caller's back and beyond any deadline, forgets partitions across those retries, and
 * initialises a non-transactional producer first. Every request here is sent exactly once, and answers come back raw:
 * kafkajs turns the first of several error codes into an exception that does not say which topic it was about.
 */
export class Connections {
  readonly #sockets = new SocketSet();
  readonly #cluster: Cluster;

  constructor(settings: KafkaSettings) {
    this.#cluster = new Cluster({
      brokers: [...settings.brokers],
      clientId: settings.clientId,
      ssl: settings.ssl,
      sasl: settings.sasl,
      connectionTimeout: settings.connectionTimeoutMs,
      requestTimeout: settings.requestTimeoutMs,
      enforceRequestTimeout: true,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      allowAutoTopicCreation: false,
      maxInFlightRequests: null,
      retry: { ...CONNECT_RETRY, retries: Math.max(2, settings.brokers.length) },
      logger: bridgeLogger(settings.logger),
      socketFactory: this.#sockets.factory,
    });
    // An empty list would ask for the metadata of all topics of the cluster.
    this.#cluster.targetTopics.add(settings.ledgerTopic);
    mendBrokers(this.#cluster.brokerPool);
  }

  /** Any connected broker; connects when there is none. */
  async any(): Promise<Broker> {
    await this.#cluster.connect();
    return this.#cluster.brokerPool.findConnectedBroker();
  }

  async byNode(nodeId: number): Promise<Broker> {
    try {
      return await this.#cluster.findBroker({ nodeId });
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'KafkaJSBrokerNotFound') throw error;
      await this.#cluster.connect();
      await this.#cluster.refreshMetadata();
      return this.#cluster.findBroker({ nodeId });
    }
  }

  /** The coordinator of a transactional id. Throws an AnswerError while there is none. */
  async coordinator(transactionalId: string): Promise<Broker> {
    const answer = await this.ask(await this.any(), 'GroupCoordinator', {
      groupId: transactionalId,
      coordinatorType: TRANSACTION,
    });
    if (answer.errorCode !== 0) throw new AnswerError(answer.errorCode, 'FindCoordinator');
    return this.byNode(answer.coordinator.nodeId);
  }

  /** Sends a request once, in the newest version that both sides know. Error codes in the answer are the caller's to read. */
  async ask<A extends keyof Requests>(broker: Broker, api: A, request: Requests[A]): Promise<Answers[A]> {
    return (await broker.connectionPool.send(raw(broker, api, request))) as Answers[A];
  }

  async send<T>(broker: Broker, own: OwnRequest<T>): Promise<T> {
    const { apiKey, apiVersion, apiName } = own;
    const supported = broker.versions?.[apiKey]?.maxVersion ?? 0;
    if (supported < apiVersion) throw new AnswerError(UNSUPPORTED_VERSION, apiName);
    return (await broker.connectionPool.send({
      request: { apiKey, apiVersion, apiName, encode: () => Promise.resolve(encoded(own.encode())) },
      response: {
        decode: (answer) => Promise.resolve(own.decode(answer)),
        parse: (decoded) => Promise.resolve(decoded),
      },
      logResponseError: false,
    })) as T;
  }

  /** Tears all sockets down at once; whatever waits is rejected. */
  destroy(): void {
    this.#sockets.destroy();
  }
}

const UNSUPPORTED_VERSION = 35;

function raw(broker: Broker, api: string, request: object): Cluster.ProtocolRequest {
  const apiKey = apiKeys[api];
  const definitions = requests[api];
  if (apiKey === undefined || definitions === undefined) throw new Error(`kafkajs does not know ${api}`);
  const { request: stock, response } = broker.lookupRequest(apiKey, definitions)({ ...request });
  return {
    request: stock,
    response: { decode: response.decode, parse: (decoded) => Promise.resolve(decoded) },
    logResponseError: false,
  };
}

/** What kafkajs takes for one of its encoders. */
function encoded(buffer: Buffer): { buf: Buffer; buffer: Buffer } {
  return { buf: buffer, buffer };
}

/**
 * Two traps of kafkajs, mended on this cluster's own objects so that other users of kafkajs in the process keep theirs.
 * - Its metadata call throws when any partition has no leader or a topic is missing; the broker list would never load.
 * - After each answer it schedules a check for delayed requests with a negative delay, which newer Node versions warn of.
 */
function mendBrokers(pool: Cluster.BrokerPool): void {
  const createBroker = pool.createBroker;
  pool.createBroker = (options) => {
    const broker = createBroker(options);
    broker.metadata = async (topics = []) =>
      broker.connectionPool.send(raw(broker, 'Metadata', { topics, allowAutoTopicCreation: false }));
    return broker;
  };
  const build = pool.connectionPoolBuilder.build;
  pool.connectionPoolBuilder = {
    build: async (destination) => {
      const connections = await build(destination);
      for (const { requestQueue } of connections.pool) {
        const schedule = requestQueue.scheduleCheckPendingRequests.bind(requestQueue);
        requestQueue.scheduleCheckPendingRequests = () => {
          if (requestQueue.pending.length > 0) schedule();
        };
      }
      return connections;
    },
  };
}
