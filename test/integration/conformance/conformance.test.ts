import { gateFailpoints } from '../../../src/failpoints/failpoint';
import { holdCourses } from './course';
import { conformanceScope } from './scope';
import { conform } from './walk';

beforeAll(holdCourses);
afterAll(() => gateFailpoints(null));

/** OUTBOX_CONFORMANCE_SEED repeats one walk, as a failure names it. */
const given = process.env['OUTBOX_CONFORMANCE_SEED'];
const first = given === undefined ? Math.floor(Math.random() * 1_000_000) : Number(given);
const WALKS = given === undefined ? 25 : 1;
const STEPS = 60;
const LIMIT_MS = 45_000;

/**
 * The model of relays and the product take the same steps, the product on real servers and stopped at its failpoints: take-overs that
 * overtake each other, crashes, freezes, refused batches, parked events, pauses, restarts of Postgres. After each step rows, topics and ledgers
 * are what the model has, and what the model refuses is refused.
 */
describe('relays and their model', () => {
  it('go the same ways', async () => {
    const until = Date.now() + LIMIT_MS;
    let walks = 0;
    let steps = 0;
    let published = 0;
    for (let seed = first; seed < first + WALKS && Date.now() < until; seed += 1) {
      const walked = await conform(conformanceScope(), randomOf(seed), STEPS);
      if (walked.deviation !== null) {
        const path = walked.steps.map((label, index) => `  ${index + 1}. ${label}`).join('\n');
        throw new Error(`${walked.deviation}\nafter these steps (OUTBOX_CONFORMANCE_SEED=${seed}):\n${path}`);
      }
      walks += 1;
      steps += walked.steps.length;
      published += walked.published;
    }
    if (process.env['OUTBOX_CONFORMANCE_COUNTS'] !== undefined) console.log({ first, walks, steps, published });
    // Walks that go nowhere would prove nothing.
    expect(published).toBeGreaterThan(0);
  });
});

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
