import { getDisabledLogger, initializePollingMessageListener } from 'pg-transactional-outbox';
import { benchKafka } from '../../harness/kafka';
import { serve } from '../../harness/serve';
import { listenerConfig } from './settings';

export type ListenerCalls = ReturnType<typeof listenerCalls>;

/** The polling listener as the library's README starts it, with a handler that sends each message by kafkajs. */

export function listenerCalls() {
  return {
    async run(input: { databaseUrl: string; brokers: string }): Promise<void> {
      const producer = benchKafka(input.brokers).producer();
      await producer.connect();
      // Its own logger writes each message that it tries again or gives up, whole, to stdout.
      const error = (_: unknown, message?: string): void => {
        process.stderr.write(`pg-transactional-outbox: ${message ?? 'an error without a message'}\n`);
      };
      const logger = { ...getDisabledLogger(), error };
      initializePollingMessageListener(
        listenerConfig(input.databaseUrl),
        {
          handle: async (message) => {
            await producer.send({
              topic: message.aggregateType,
              messages: [
                {
                  key: message.aggregateId,
                  value: JSON.stringify(message.payload),
                  headers: {
                    'event-id': message.id,
                    'event-type': message.messageType,
                    'tenant-id': String(message.metadata?.['tenant']),
                    'content-type': 'application/json',
                  },
                },
              ],
            });
          },
        },
        logger,
      );
    },
  };
}

serve(listenerCalls());
