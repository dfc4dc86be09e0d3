import type { Draft } from '../traffic/drafts';

let made = 0;

/** One event of `tenant`; without a key, so that nothing waits behind it should it be parked. */
export function plainDraft(tenant: string, topic: string, payload = '{}'): Draft {
  made += 1;
  return { tenant, topic, type: 'made', key: null, dedupeKey: `plain-${made}`, headers: null, payload };
}

/** Events of which one is larger than 2,000 bytes even when compressed: the payload is as good as random. */
export function largeAndSmall(tenant: string, topic: string): Draft[] {
  const large = Array.from({ length: 700 }, (_, index) => ((index * 2_654_435_761) >>> 0).toString(16)).join('');
  const payloads = ['{"small":1}', JSON.stringify({ large }), '{"small":2}', '{"small":3}'];
  return payloads.map((payload) => plainDraft(tenant, topic, payload));
}
