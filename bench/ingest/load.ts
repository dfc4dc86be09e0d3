import autocannon from 'autocannon';
import { serve } from '../harness/serve';

export type LoadCalls = ReturnType<typeof loadCalls>;

export interface Load {
  readonly url: string;
  readonly key: string;
  readonly body: string;
  readonly connections: number;
  readonly seconds: number;
}

export function loadCalls() {
  return {
    /** Posts the body over all connections for the time; resolves with answers per second. Rejects unless all are 2xx. */
    async post({ url, key, body, connections, seconds }: Load): Promise<{ rate: number; answers: number }> {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
      const result = await autocannon({ url, method: 'POST', headers, body, connections, duration: seconds });
      if (result.non2xx + result.errors + result.timeouts > 0 || result['2xx'] === 0) {
        throw new Error(
          `${url}: ${result['2xx']} answers were 2xx, ${result.non2xx} others, ${result.errors} errors, ${result.timeouts} time-outs`,
        );
      }
      return { rate: result['2xx'] / result.duration, answers: result['2xx'] };
    },
  };
}

serve(loadCalls());
