// When a committed offset has expired: as in Kafka (KIP-211).
//
// - a group whose members have all gone keeps its offsets for the retention, counted from when it became empty
// - a consumer group at work loses those of topics it no longer reads, counted from their commit
// - offsets of a consumer that never was a member expire by their commit
// - a commit that carried a retention of its own (versions 2 to 4) expires by that
// Offsets of topics that are gone go too, once they are older than a grace: the topic may be just being made known.

import type { GroupPhase } from './group-state.ts';
import type { OffsetRow } from './offset-row-format.ts';

export const unknownTopicGraceMs = 60_000;

export interface GroupForRetention {
  readonly phase: GroupPhase;
  readonly protocolType: string | null;
  readonly stateSinceMs: number;
  /** Topics the members read; undefined where that is not known. */
  readonly subscribedTopics: ReadonlySet<string> | undefined;
}

export function offsetExpired(
  group: GroupForRetention,
  row: OffsetRow,
  /** Undefined when the topic is gone. */
  topic: string | undefined,
  nowMs: number,
  retentionMs: number,
): boolean {
  if (topic === undefined) return nowMs - row.committedAtMs >= unknownTopicGraceMs;
  const sinceMs = retainedSinceMs(group, row, topic);
  if (sinceMs === undefined) return false;
  return row.expiresAtMs < 0 ? nowMs - sinceMs >= retentionMs : nowMs >= row.expiresAtMs;
}

function retainedSinceMs(group: GroupForRetention, row: OffsetRow, topic: string): number | undefined {
  if (group.protocolType === null) return row.committedAtMs;
  if (group.phase === 'Empty') return group.stateSinceMs;
  if (group.phase === 'Stable' && group.subscribedTopics !== undefined && !group.subscribedTopics.has(topic)) {
    return row.committedAtMs;
  }
  return undefined;
}
