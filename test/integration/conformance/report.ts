import { isOutboxError } from '../../../src/domain/errors';
import type { Report } from './course';

/** What the product did otherwise than the model. */
export class Deviation extends Error {
  override readonly name = 'Deviation';
}

/** The step must have come to this place. */
export function expectAt(report: Report<unknown>, place: string): void {
  if (report.kind !== 'at' || report.place !== place) throw new Deviation(`not at ${place}: ${told(report)}`);
}

/** The step must have been refused, because f is no more or because Kafka has a newer producer. */
export function expectRefused(report: Report<unknown>): void {
  const code = report.kind === 'failed' && isOutboxError(report.error) ? report.error.code : null;
  if (code !== 'FENCED' && code !== 'KAFKA_FENCED') throw new Deviation(`not refused: ${told(report)}`);
}

export function expectDone<T>(report: Report<T>): T {
  if (report.kind !== 'done') throw new Deviation(`not done: ${told(report)}`);
  return report.result;
}

/** Of a single statement. */
export async function reportOf<T>(work: Promise<T>): Promise<Report<T>> {
  return work.then(
    (result) => ({ kind: 'done', result }),
    (error: unknown) => ({ kind: 'failed', error }),
  );
}

export function same(what: string, real: unknown, modelled: unknown): void {
  const [found, expected] = [JSON.stringify(real), JSON.stringify(modelled)];
  if (found !== expected) throw new Deviation(`${what} is ${found}, in the model ${expected}`);
}

function told(report: Report<unknown>): string {
  if (report.kind === 'failed') return `it failed: ${String(report.error)}`;
  return report.kind === 'at' ? `it is at ${report.place}` : `it ended: ${JSON.stringify(report.result)}`;
}
