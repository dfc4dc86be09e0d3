import { haltOrderEnded, unhalt } from '../../../src/domain/publisher-halt';
import type { HaltOrder } from '../../../src/domain/halt';
import { checkUnhalt, endHalt, restore } from '../../../src/domain/publisher-commands';
import { decide } from '../../../src/domain/publisher-decision';
import { defaultConfig, initialState } from '../../../src/domain/publisher-state';
import type { PublisherState } from '../../../src/domain/publisher-state';

const REF = { tenant: 'acme', destination: 'kafka', shard: 0 };
const fresh = initialState(REF, defaultConfig(), 0);
// Asleep, in doubt about nothing, and backing off: ending the halt must not leave it so.
const halted: PublisherState = {
  ...fresh,
  halted: { why: 'they disagree', since: 1 },
  drain: { ...fresh.drain, woken: false, doubt: false, retryAt: 1_000 },
};
const who = { by: 'me', why: 'restored' };
const adopt = endHalt(halted, { choice: 'adopt', ...who });
const orderOf = (state: PublisherState): HaltOrder => {
  const decision = decide(state, 2, 10);
  if (decision.kind !== 'unhalt') throw new Error(`expected an order, got ${JSON.stringify(decision)}`);
  return decision.order;
};

describe('ending a halt', () => {
  it('recheck ends it at once and lets a drain compare both sides', () => {
    const state = endHalt(halted, { choice: 'recheck', ...who });
    expect(state).toMatchObject({ halted: null, drain: { doubt: true } });
    expect(decide(state, 2, 10)).toMatchObject({ kind: 'drain' });
  });

  it('adopt and resend are orders: nothing is drained until one was carried out', () => {
    expect(orderOf(adopt)).toEqual({ choice: 'adopt', ...who });
    const done = haltOrderEnded(adopt, orderOf(adopt), { done: true, explanation: 'both say 7' });
    expect(done).toMatchObject({ halted: null, lastHalt: 'adopt (me: restored): both say 7', drain: { doubt: true } });
    expect(decide(done, 2, 10)).toMatchObject({ kind: 'drain' });
  });

  it('a refused order leaves it halted for its first reason, and says why', () => {
    const state = haltOrderEnded(adopt, orderOf(adopt), { done: false, explanation: 'no ledger' });
    expect(state.halted).toEqual({ why: 'they disagree', since: 1, refused: 'adopt (me: restored): no ledger' });
    expect(decide(state, 2, 10)).toEqual({ kind: 'wait', why: 'halted', until: null });
    expect(orderOf(endHalt(state, { choice: 'resend', ...who })).choice).toBe('resend');
  });

  it('an order that came while another was carried out stands, and so does a recheck', () => {
    const first = orderOf(adopt);
    const second = endHalt(adopt, { choice: 'resend', ...who });
    expect(orderOf(haltOrderEnded(second, first, { done: true, explanation: '' })).choice).toBe('resend');
    expect(haltOrderEnded(unhalt(adopt, null), first, { done: false, explanation: 'late' }).halted).toBeNull();
  });

  it('an order survives a terminated workflow with the row', () => {
    const saved = { limits: {}, paused: null, halted: adopt.halted };
    expect(orderOf(restore(fresh, saved))).toEqual({ choice: 'adopt', ...who });
  });

  it('refuses a choice that does not exist, and one where nothing is halted', () => {
    for (const choice of ['adopt', 'resend', 'recheck']) expect(checkUnhalt({ choice, ...who }, halted)).toBeNull();
    expect(checkUnhalt({ choice: 'recheck', ...who }, fresh)).toBeNull();
    expect(checkUnhalt({ choice: 'adopt', ...who }, fresh)).toContain('not halted');
    expect(checkUnhalt({ choice: 'guess', ...who }, halted)).toContain('choice must be');
    expect(checkUnhalt({ choice: 'adopt', by: 'me' }, halted)).toContain('why');
  });
});
