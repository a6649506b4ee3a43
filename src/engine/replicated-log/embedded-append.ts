// The hot operation of the embedded log: entries for one group, judged and encoded when they are staged.

import { EngineError } from '../base/errors.ts';
import { encodeEntry, entryKey, entryOverheadBytes } from './embedded-log-format.ts';
import type { EmbeddedGroup, EmbeddedState } from './embedded-state.ts';
import type { GroupCommit, LogOperation } from './group-commit.ts';
import { judgeAppend } from './group-rules.ts';
import type { LmdbEnvironment } from './lmdb-environment.ts';
import type { AppendOutcome, GroupAppend } from './replicated-log.ts';

/** What the operations of one log share. */
export interface EmbeddedLogCore {
  readonly environment: LmdbEnvironment;
  readonly state: EmbeddedState;
  readonly commit: GroupCommit;
  readonly mapBytesMax: number;
  /** What the log held when it was last measured, and what was written since. */
  liveBytes: number;
  sinceMeasured: number;
}

/** Key, page header and slack that an entry costs in LMDB beyond its bytes. */
const entryCostBytes = 64;

export function appendOperation(
  core: EmbeddedLogCore,
  append: GroupAppend,
  settle: (outcome: AppendOutcome) => void,
): LogOperation {
  let bytes = 0;
  for (const entry of append.entries) bytes += entry.length + entryOverheadBytes;
  let group: EmbeddedGroup | undefined;
  let values: Buffer[] = [];

  return {
    bytes: bytes + append.entries.length * entryCostBytes,
    stage() {
      group = core.state.groups.get(append.group);
      const verdict = judgeAppend(group, append) ?? judgeRoom(core, append, bytes);
      if (verdict !== undefined || group === undefined) {
        settle(verdict ?? { status: 'fenced' });
        return false;
      }
      if (append.entries.length === 0) {
        settle({ status: 'committed', end: group.end });
        return false;
      }
      values = encodeEntries(group.number, append, bytes);
      group.end += values.length;
      return true;
    },
    write() {
      const number = (group as EmbeddedGroup).number;
      const key = Buffer.allocUnsafe(11);
      let index = append.expectedEnd;
      for (const value of values) {
        index += 1;
        core.environment.database.put(entryKey(number, index, key), value);
      }
      core.sinceMeasured += bytes + values.length * entryCostBytes;
    },
    committed() {
      const end = append.expectedEnd + values.length;
      (group as EmbeddedGroup).durableEnd = end;
      settle({ status: 'committed', end });
    },
    undo() {
      (group as EmbeddedGroup).end = append.expectedEnd;
    },
    refuse: (error: EngineError) => settle({ status: 'refused', error }),
    lose: (error: EngineError) => settle({ status: 'unknown', error }),
  };
}

function encodeEntries(group: number, append: GroupAppend, bytes: number): Buffer[] {
  const room = Buffer.allocUnsafe(bytes);
  const key = Buffer.allocUnsafe(11);
  let at = 0;
  let index = append.expectedEnd;
  return append.entries.map((entry) => {
    index += 1;
    const value = room.subarray(at, at + entryOverheadBytes + entry.length);
    at += value.length;
    encodeEntry(entryKey(group, index, key), append.term, entry, value);
    return value;
  });
}

/** Trims and removals need room too, so appends stop at the limit and the others may pass it. */
function judgeRoom(core: EmbeddedLogCore, append: GroupAppend, bytes: number): AppendOutcome | undefined {
  if (core.liveBytes + core.sinceMeasured + bytes <= core.mapBytesMax) return undefined;
  core.liveBytes = core.environment.liveBytes();
  core.sinceMeasured = 0;
  if (core.liveBytes + bytes <= core.mapBytesMax) return undefined;
  const error = new EngineError('disk-full', `the log is full: ${core.liveBytes} of ${core.mapBytesMax} bytes`, {
    context: { group: append.group, liveBytes: core.liveBytes, mapBytesMax: core.mapBytesMax },
  });
  return { status: 'refused', error };
}

export interface PlainOperation {
  readonly bytes: number;
  stage(): boolean;
  write(): void;
  committed?(): void;
  undo?(): void;
}

/** Issues an operation that has no outcome but done or failed. Resolves false when it had nothing to write. */
export function groupOperation(core: EmbeddedLogCore, operation: PlainOperation): Promise<boolean> {
  return new Promise((resolve, reject) => {
    core.commit.issue({
      bytes: operation.bytes,
      stage() {
        try {
          const toWrite = operation.stage();
          if (!toWrite) resolve(false);
          return toWrite;
        } catch (error) {
          reject(error);
          return false;
        }
      },
      write() {
        operation.write();
        core.sinceMeasured += operation.bytes;
      },
      committed() {
        operation.committed?.();
        resolve(true);
      },
      undo: () => operation.undo?.(),
      refuse: reject,
      lose: (cause) => reject(new EngineError('outcome-unknown', cause.message, { cause })),
    });
  });
}
