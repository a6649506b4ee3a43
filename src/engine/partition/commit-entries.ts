// Which staged shares a commit takes, and the log entries they become. Pure.

import type { TimestampMs } from '../base/ids.ts';
import type { L0Object, L0Share } from '../l0/l0.ts';
import { encodePartitionEntry, type PlaceholderShare, placeholderEntryBytes } from './placeholder-format.ts';
import type { StagedBatch } from './staged-batch.ts';

/** A partition's batches in one L0 object, in the order in which shares were staged. */
export interface QueuedShare {
  readonly share: L0Share;
  readonly batches: StagedBatch[];
  state: 'staged' | 'ready' | 'committing';
}

/** Entries stay well below the log's limit. */
const entryBytesTarget = 512 * 1024;

/** The shares at the head of the queue that are ready, as entries. A share is never cut. */
export function entriesOfReady(
  queue: readonly QueuedShare[],
  appendedAtMs: TimestampMs,
): { readonly taken: readonly QueuedShare[]; readonly entries: Buffer[] } {
  const taken: QueuedShare[] = [];
  const entries: Buffer[] = [];
  let shares: PlaceholderShare[] = [];
  let bytes = 0;
  const close = () => {
    if (shares.length > 0) entries.push(encodePartitionEntry({ kind: 'placeholders', appendedAtMs, shares }));
    shares = [];
    bytes = 0;
  };
  for (const queued of queue) {
    if (queued.state !== 'ready') break;
    const share = placeholdersOf(queued);
    const size = placeholderEntryBytes(share.batches.length);
    if (bytes + size > entryBytesTarget) close();
    shares.push(share);
    bytes += size;
    taken.push(queued);
  }
  close();
  return { taken, entries };
}

function placeholdersOf({ share, batches }: QueuedShare): PlaceholderShare {
  return {
    object: share.object as L0Object,
    batches: batches.map((batch, at) => batch.placeholder(share.positions[at] as number)),
  };
}
