import { benchKafka } from '../../harness/kafka';
import { serve } from '../../harness/serve';
import { asMessage } from '../../load/message';
import type { PlainMessage } from '../../load/message';
import { onSchedule } from '../harness/steady-load';
import type { SteadyLoad } from '../harness/steady-load';

export type SteadyProducerCalls = ReturnType<typeof steadyProducerCalls>;

/** Takes events when they are due and sends what has gathered in one transaction, one after the other. */

export function steadyProducerCalls() {
  return {
    async run(input: { brokers: string; transactionalId: string; load: SteadyLoad }): Promise<void> {
      const { load } = input;
      const producer = benchKafka(input.brokers).producer({
        transactionalId: input.transactionalId,
        idempotent: true,
        maxInFlightRequests: 1,
      });
      await producer.connect();
      let gathered: PlainMessage[] = [];
      let sending = Promise.resolve();
      const send = async (): Promise<void> => {
        const messages = gathered;
        gathered = [];
        if (messages.length === 0) return;
        const transaction = await producer.transaction();
        await transaction.send({ topic: load.topic, messages, acks: -1 });
        await transaction.commit();
      };
      await onSchedule(load, ({ order, key, payload }) => {
        const event = { tenant: load.tenant, topic: load.topic, type: 'order.created', key };
        const rest = { dedupeKey: `steady-${order}`, payload: Buffer.from(payload), contentType: 'application/json' };
        gathered.push(asMessage({ ...event, ...rest }, order));
        sending = sending.then(send);
      });
      await sending;
      await producer.disconnect();
    },
  };
}

serve(steadyProducerCalls());
