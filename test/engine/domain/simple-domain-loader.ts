// Opens a domain's group under a new term and rebuilds its rows: the snapshot, then every entry behind it, in order.

import { EngineError, hasCode } from '../../../src/engine/base/errors.ts';
import type { Term } from '../../../src/engine/base/ids.ts';
import { type DomainEntry, decodeEntry, decodeRowSnapshot } from '../../../src/engine/domain/domain-entry-format.ts';
import type { ReplicatedLog } from '../../../src/engine/replicated-log/replicated-log.ts';
import { SortedRows } from './sorted-rows.ts';

export interface LoadedDomain {
  readonly term: Term;
  /** Index of the first entry kept; below it entries are in the snapshot only. */
  readonly first: number;
  readonly end: number;
  readonly rows: SortedRows;
  /** Bytes of the entries behind the snapshot. */
  readonly tailBytes: number;
}

const readBytes = 1024 * 1024;

/** `onEntry` sees every entry that is still in the log, in order, with its index. */
export async function loadDomain(
  log: ReplicatedLog,
  group: string,
  atLeast: Term | undefined,
  onEntry?: (index: number, entry: DomainEntry) => void,
): Promise<LoadedDomain> {
  const [opened] = await log.open([group], atLeast);
  if (opened === undefined) throw new EngineError('bug', `the log opened nothing for ${group}`);
  const rows = new SortedRows();
  const snapshot = opened.snapshot;
  if (snapshot !== undefined) {
    const what = `the snapshot of ${group}`;
    for (const row of damagedAs(group, snapshot.index, () => decodeRowSnapshot(snapshot.bytes, what))) rows.apply(row);
  }
  const snapshotIndex = snapshot?.index ?? 0;
  if (opened.first > snapshotIndex + 1) {
    throw new EngineError('corrupt-log', `${group} begins at ${opened.first}, its snapshot ends at ${snapshotIndex}`, {
      context: { group, first: opened.first, snapshotIndex },
    });
  }

  let tailBytes = 0;
  for (let next = opened.first; next <= opened.end; ) {
    const entries = await log.read(group, next, readBytes);
    if (entries.length === 0) throw missing(group, next);
    for (const { index, bytes } of entries) {
      if (index !== next) throw missing(group, next);
      next += 1;
      const entry = damagedAs(group, index, () => decodeEntry(bytes, `entry ${index} of ${group}`));
      onEntry?.(index, entry);
      if (index <= snapshotIndex) continue;
      tailBytes += bytes.length;
      for (const change of entry.changes) rows.apply(change);
    }
  }
  return { term: opened.term, first: opened.first, end: opened.end, rows, tailBytes };
}

function missing(group: string, index: number): EngineError {
  return new EngineError('corrupt-log', `entry ${index} of ${group} is missing`, { context: { group, index } });
}

/** What does not decode in the log is damage of the log, whatever the decoder calls it. */
function damagedAs<T>(group: string, index: number, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!hasCode(error, 'corrupt-object', 'corrupt-log')) throw error;
    throw new EngineError('corrupt-log', error.message, { context: { ...error.context, group, index }, cause: error });
  }
}
