import type { EverythingView } from '../domain/everything';
import { isoOf } from '../domain/iso';
import { plain } from './plain-text';

/** A short markdown page for the Web UI: is everything paused, by whom, and how to end it. Leaves no history events. */
export function describeEverything({ paused, running, at, refusedCommands }: EverythingView): string {
  const lines: string[] = [];
  if (paused !== null) {
    const { by, why, since, until } = paused;
    lines.push(
      `**By** ${plain(by)}: ${plain(why)}`,
      `**Since** ${isoOf(since) ?? '?'}, until ${isoOf(until) ?? 'an operator acts: `resume` ends it'}`,
      running === 0 ? 'Complete: no publisher is at work' : `**Still at work** ${running} publishers, at the last look`,
    );
  }
  lines.push(`**Last look** ${isoOf(at) ?? 'not yet'}`);
  if (refusedCommands > 0) lines.push(`**Refused signals** ${refusedCommands} (bad arguments)`);
  const headline = paused === null ? '**Publishing.** `pause` stops all tenants.' : '**Everything is paused.**';
  return ['### Everything', '', headline, '', ...lines.map((line) => `- ${line}`)].join('\n');
}
