// The rarer operations of the embedded log: opening groups, snapshots, trimming and removal in steps.

import { type EngineError, toEngineError } from '../base/errors.ts';
import { type Term, term } from '../base/ids.ts';
import { type EmbeddedLogCore, groupOperation, type PlainOperation } from './embedded-append.ts';
import {
  encodeGroup,
  encodeRemoval,
  encodeSnapshot,
  entryKey,
  groupKey,
  headerKey,
  removalKey,
  snapshotKey,
} from './embedded-log-format.ts';
import { checkTerm, type EmbeddedGroup, type PendingRemoval } from './embedded-state.ts';
import { fenced, judgeSnapshot, judgeTrim, nextTerm } from './group-rules.ts';
import type { AppendOutcome, LogSnapshot, OpenedGroup } from './replicated-log.ts';

/** Deletions per transaction: keeps one long trim from holding up everybody's appends. */
const deletionsPerStep = 2000;

export async function openGroups(
  core: EmbeddedLogCore,
  names: readonly string[],
  atLeast: Term,
): Promise<OpenedGroup[]> {
  const { state, environment } = core;
  const opened: OpenedGroup[] = [];
  let undo: (() => void)[] = [];
  let puts: { key: Buffer; value: Buffer }[] = [];
  await groupOperation(core, {
    bytes: names.length * 128,
    stage() {
      const groupsBefore = state.nextGroup;
      undo = [];
      puts = [];
      for (const name of names) {
        const group = state.groups.get(name);
        const next = checkTerm(name, nextTerm(group, state.highestRemovedTerm, atLeast));
        const head = group ?? { name, number: state.nextGroup++, term: next, first: 1, ...emptyGroup() };
        const before = head.term;
        head.term = next;
        state.groups.set(name, head);
        undo.push(() => {
          head.term = before;
          if (group === undefined) state.groups.delete(name);
        });
        puts.push({ key: groupKey(head.number), value: encodeGroup(head.number, head) });
        opened.push({ group: name, term: next, first: head.first, end: head.end, snapshot: undefined });
      }
      // Numbers given out to groups that then failed to open are not used again; the header on disk may stay behind only
      // as long as no group on disk has a number at or above it.
      if (state.nextGroup !== groupsBefore) puts.push({ key: headerKey, value: state.header() });
      return puts.length > 0;
    },
    write() {
      for (const { key, value } of puts) environment.database.put(key, value);
    },
    undo() {
      for (const back of undo.toReversed()) back();
    },
  });
  return opened;
}

function emptyGroup(): Pick<EmbeddedGroup, 'end' | 'durableEnd' | 'snapshotIndex' | 'snapshotChunks'> {
  return { end: 0, durableEnd: 0, snapshotIndex: -1, snapshotChunks: 0 };
}

/** An operation of one group under a term, with an append's kind of outcome. */
async function fencedOperation(
  core: EmbeddedLogCore,
  name: string,
  judge: (group: EmbeddedGroup | undefined) => AppendOutcome | undefined,
  operation: (group: EmbeddedGroup) => Omit<PlainOperation, 'bytes'>,
  bytes: number,
): Promise<AppendOutcome> {
  let verdict: AppendOutcome | undefined;
  let end = 0;
  let inner: Omit<PlainOperation, 'bytes'> | undefined;
  try {
    await groupOperation(core, {
      bytes,
      stage() {
        const group = core.state.groups.get(name);
        verdict = judge(group);
        if (verdict !== undefined || group === undefined) {
          verdict ??= fenced;
          return false;
        }
        end = group.end;
        inner = operation(group);
        return inner.stage();
      },
      write: () => inner?.write(),
      committed: () => inner?.committed?.(),
      undo: () => inner?.undo?.(),
    });
  } catch (error) {
    const trouble: EngineError = toEngineError(error);
    return { status: trouble.code === 'outcome-unknown' ? 'unknown' : 'refused', error: trouble };
  }
  return verdict ?? { status: 'committed', end };
}

export function putSnapshot(
  core: EmbeddedLogCore,
  name: string,
  of: Term,
  snapshot: LogSnapshot,
): Promise<AppendOutcome> {
  const { database } = core.environment;
  return fencedOperation(
    core,
    name,
    (group) => judgeSnapshot(name, group, of, snapshot),
    (group) => {
      const before = { index: group.snapshotIndex, chunks: group.snapshotChunks };
      const values = encodeSnapshot(group.number, snapshot.index, snapshot.bytes);
      return {
        stage() {
          group.snapshotIndex = snapshot.index;
          group.snapshotChunks = values.length - 1;
          return true;
        },
        write() {
          for (const [chunk, value] of values.entries()) database.put(snapshotKey(group.number, chunk), value);
          for (let chunk = values.length; chunk <= before.chunks; chunk++) {
            database.remove(snapshotKey(group.number, chunk));
          }
        },
        undo() {
          group.snapshotIndex = before.index;
          group.snapshotChunks = before.chunks;
        },
      };
    },
    snapshot.bytes.length + 64,
  );
}

/** Trims up to `first`, or as far towards it as one step goes. */
export function trimStep(core: EmbeddedLogCore, name: string, of: Term, first: number): Promise<AppendOutcome> {
  const { database } = core.environment;
  return fencedOperation(
    core,
    name,
    (group) => judgeTrim(name, group, of, first),
    (group) => {
      const before = group.first;
      const after = Math.min(first, before + deletionsPerStep);
      return {
        stage() {
          if (after <= before) return false;
          // Readers are turned away from the entries before these are gone.
          group.first = after;
          return true;
        },
        write() {
          database.put(groupKey(group.number), encodeGroup(group.number, { ...group, first: after }));
          removeEntries(core, group.number, before, after - 1);
        },
        undo() {
          group.first = before;
        },
      };
    },
    128,
  );
}

/** Makes the group disappear; what it leaves behind is cleaned up by `cleanUp`. Undefined when there is no such group. */
export async function removeGroup(core: EmbeddedLogCore, name: string): Promise<PendingRemoval | undefined> {
  const { state, environment } = core;
  let group: EmbeddedGroup | undefined;
  let highestBefore = 0;
  await groupOperation(core, {
    bytes: 256,
    stage() {
      group = state.groups.get(name);
      if (group === undefined) return false;
      highestBefore = state.highestRemovedTerm;
      state.highestRemovedTerm = term(Math.max(highestBefore, group.term));
      state.groups.delete(name);
      return true;
    },
    write() {
      const gone = group as EmbeddedGroup;
      environment.database.remove(groupKey(gone.number));
      environment.database.put(removalKey(gone.number), encodeRemoval(gone.number, gone.first, gone.end));
      for (let chunk = 0; gone.snapshotIndex >= 0 && chunk <= gone.snapshotChunks; chunk++) {
        environment.database.remove(snapshotKey(gone.number, chunk));
      }
      environment.database.put(headerKey, state.header());
    },
    undo() {
      state.highestRemovedTerm = highestBefore;
      state.groups.set(name, group as EmbeddedGroup);
    },
  });
  return group === undefined ? undefined : { group: group.number, first: group.first, end: group.end };
}

/** Deletes entries of a removed group from `from` on; returns where to go on, or undefined when all is gone. */
export async function cleanUp(
  core: EmbeddedLogCore,
  group: number,
  from: number,
  end: number,
): Promise<number | undefined> {
  const last = Math.min(end, from + deletionsPerStep - 1);
  await groupOperation(core, {
    bytes: 64,
    stage: () => true,
    write() {
      removeEntries(core, group, from, last);
      if (last >= end) core.environment.database.remove(removalKey(group));
      else core.environment.database.put(removalKey(group), encodeRemoval(group, last + 1, end));
    },
  });
  return last >= end ? undefined : last + 1;
}

function removeEntries(core: EmbeddedLogCore, group: number, from: number, last: number): void {
  const key = Buffer.allocUnsafe(11);
  for (let index = from; index <= last; index++) core.environment.database.remove(entryKey(group, index, key));
}
