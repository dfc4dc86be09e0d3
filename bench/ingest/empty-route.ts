import express from 'express';
import type { AddressInfo } from 'node:net';
import { serve } from '../harness/serve';

export type EmptyRouteCalls = ReturnType<typeof emptyRouteCalls>;

/** What any Express service pays: a route that parses a JSON body and answers as ours does, and does nothing else. */

export function emptyRouteCalls() {
  return {
    /** Resolves with the address. */
    async listen(): Promise<string> {
      const app = express();
      app.post('/v1/events', express.json(), (request, response) => {
        const { topic } = request.body as { readonly topic: string };
        response.status(202).json({ id: '1', tenant: topic, status: 'pending', duplicate: false });
      });
      return new Promise((resolve, reject) => {
        const server = app.listen(0, '127.0.0.1', (error) => {
          if (error) reject(error);
          else resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
        });
      });
    },
  };
}

serve(emptyRouteCalls());
