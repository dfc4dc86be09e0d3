import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common/lib/search-attributes';
import type { SearchAttributeUpdatePair } from '@temporalio/common/lib/search-attributes';
import type { Decision } from '../domain/publisher-decision';
import type { PublisherState } from '../domain/publisher-state';
import type { BacklogClass, SearchAttributeName } from '../domain/search-attributes';
import { SEARCH_ATTRIBUTES, changedAttributes, searchAttributesOf } from '../domain/search-attributes';

/**
 * Keeps the publisher's search attributes true, one history event per change. Only those that its worker found registered: an
 * unknown one would fail the workflow task for ever. What they show is carried over continue-as-new by Temporal itself.
 */
export class ShownAttributes {
  private classChangedAt = -Infinity;

  constructor(private readonly usable: readonly SearchAttributeName[]) {}

  show(state: PublisherState, decision: Decision, outlasted: boolean, now: number): void {
    if (this.usable.length === 0) return;
    const shown = workflowInfo().typedSearchAttributes;
    const shownClass = shown.get(keyOf('BacklogClass')) as BacklogClass | undefined;
    const wanted = searchAttributesOf(state, decision, outlasted, shownClass);
    const until = decision.kind === 'wait' ? decision.until : now;
    const clock = { now, classChangedAt: this.classChangedAt, until };
    const changed = changedAttributes(this.usable, (name) => shown.get(keyOf(name)), wanted, clock);
    if (changed.length === 0) return;
    if (changed.includes('BacklogClass')) this.classChangedAt = now;
    upsertSearchAttributes(
      changed.map((name) => ({ key: keyOf(name), value: wanted[name] }) as SearchAttributeUpdatePair),
    );
  }
}

function keyOf(name: SearchAttributeName): ReturnType<typeof defineSearchAttributeKey<'KEYWORD' | 'BOOL'>> {
  return defineSearchAttributeKey(name, SEARCH_ATTRIBUTES[name]);
}
