// The rules of a group that every engine keeps, as pure decisions: who is fenced, what is refused, what may be trimmed.

import { EngineError } from '../base/errors.ts';
import type { Term } from '../base/ids.ts';
import { type AppendOutcome, type GroupAppend, type LogSnapshot, logEntryBytesMax } from './replicated-log.ts';

/** Names longer than this are refused; an engine uses them in keys. */
export const groupNameBytesMax = 400;
/** A snapshot above this is refused: it would not be one of small metadata any more. */
export const logSnapshotBytesMax = 256 * 1024 * 1024;

/** What an engine remembers of each group; all of it is durable. */
export interface GroupHead {
  term: Term;
  /** Index of the first entry kept; end + 1 when none is. */
  first: number;
  end: number;
  /** Index of the snapshot kept; −1 when there is none. */
  snapshotIndex: number;
}

export const fenced: AppendOutcome = { status: 'fenced' };
export const refused = (error: Error): AppendOutcome => ({ status: 'refused', error });

/** Throws `usage` for names no engine accepts. */
export function checkGroupName(group: string): void {
  const bytes = Buffer.byteLength(group);
  if (bytes === 0 || bytes > groupNameBytesMax || group.includes('\0')) {
    throw new EngineError(
      'usage',
      `a log group needs a name of 1 to ${groupNameBytesMax} bytes without NUL: "${group}"`,
    );
  }
}

/** The next term of a group that is opened; `highestRemoved` is the highest term any removed group had. */
export function nextTerm(head: GroupHead | undefined, highestRemoved: number, atLeast: number): number {
  const last = head === undefined ? highestRemoved : head.term;
  return Math.max(last + 1, atLeast);
}

/** Undefined when the append may be written. */
export function judgeAppend(head: GroupHead | undefined, append: GroupAppend): AppendOutcome | undefined {
  for (const entry of append.entries) {
    if (entry.length <= logEntryBytesMax) continue;
    return refused(
      new EngineError('entry-too-large', `an entry for ${append.group} has ${entry.length} bytes`, {
        context: { group: append.group, bytes: entry.length, bytesMax: logEntryBytesMax },
      }),
    );
  }
  if (head === undefined || head.term !== append.term || head.end !== append.expectedEnd) return fenced;
  return undefined;
}

/** Undefined when the snapshot may be kept. */
export function judgeSnapshot(
  group: string,
  head: GroupHead | undefined,
  term: Term,
  snapshot: LogSnapshot,
): AppendOutcome | undefined {
  if (head === undefined || head.term !== term) return fenced;
  if (snapshot.bytes.length > logSnapshotBytesMax) {
    return refused(new EngineError('entry-too-large', `the snapshot of ${group} has ${snapshot.bytes.length} bytes`));
  }
  const lowest = Math.max(0, head.first - 1, head.snapshotIndex);
  if (!Number.isSafeInteger(snapshot.index) || snapshot.index < lowest || snapshot.index > head.end) {
    return refused(
      new EngineError('bug', `a snapshot of ${group} at ${snapshot.index} is outside ${lowest} … ${head.end}`),
    );
  }
  return undefined;
}

/** Undefined when the entries below `first` may be dropped. */
export function judgeTrim(
  group: string,
  head: GroupHead | undefined,
  term: Term,
  first: number,
): AppendOutcome | undefined {
  if (head === undefined || head.term !== term) return fenced;
  if (!Number.isSafeInteger(first) || first > head.snapshotIndex + 1) {
    return refused(
      new EngineError('bug', `trimming ${group} up to ${first} would drop entries that no snapshot holds`, {
        context: { group, first, snapshotIndex: head.snapshotIndex },
      }),
    );
  }
  return undefined;
}

/** The error of a read that starts below what is kept. */
export function belowFirst(group: string, from: number, first: number): EngineError {
  return new EngineError('bug', `log group ${group} is read from ${from}, but begins at ${first}`, {
    context: { group, from, first },
  });
}
