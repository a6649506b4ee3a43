// Opens a domain's log group at a new term and its LSM store from what the log says: the manifest that the group's snapshot names,
// then every entry behind it, replayed in one go. A snapshot of the rows themselves, as domains kept before they had tables, is
// replayed as one big entry at its index.
//
// What it refuses, as `corrupt-log`: entries that are missing or do not decode, a snapshot of another domain, and a log that holds
// nothing while the bucket has manifests of the domain. A log that lost something is never taken for a short one.

import type { Clock } from '../base/clock.ts';
import { EngineError, hasCode, toEngineError } from '../base/errors.ts';
import type { Incarnation, Term } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import {
  keyFromText,
  type LsmCaches,
  type LsmEntry,
  type LsmRules,
  type LsmStore,
  type ManifestRef,
  openLsm,
} from '../lsm/lsm.ts';
import type { OpenedGroup, ReplicatedLog } from '../replicated-log/replicated-log.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { decodeEntry, decodeRowSnapshot } from './domain-entry-format.ts';
import { DomainTerm } from './domain-term.ts';
import { ManifestInLog } from './manifest-in-log.ts';
import { decodeRecordedManifest, recordedManifestMagic } from './recorded-manifest-format.ts';
import { TailLedger } from './tail-ledger.ts';

export interface DomainOpeningOptions {
  /** "control", "groups/0"; its log group is "domain/<name>". */
  readonly name: string;
  /** Stays open when the domain is closed. */
  readonly log: ReplicatedLog;
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly incarnation: Incarnation;
  readonly caches: LsmCaches;
  readonly rules: LsmRules;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Rejects when this process may not write to the bucket any more, or does not know for now whether it may. */
  readonly confirmOwnership: () => Promise<void>;
  /** The term is at least this; a restore raises it. */
  readonly termAtLeast?: Term;
  /** Lets others run: resolves in a later turn of the event loop. */
  readonly pause: () => Promise<void>;
}

export interface OpeningEvents {
  /** Told of the write ids of entries behind this index. */
  readonly lookBehind: number;
  readonly onWrite: (writeId: string) => void;
  readonly onHeld: () => void;
  /** The term is over, for the reason given; may be called more than once. */
  readonly onEnd: (term: DomainTerm, error: EngineError) => void;
}

const readBytes = 1024 * 1024;
const tailMemtables = 4;

/**
 * A tail of more bytes than this is flushed before its time, because rows that are overwritten fill the log and no memtable. It is
 * also what an opening sorts, and so holds, in one go.
 */
export const tailBytesMax = ({ memtableBytesMax }: LsmRules): number => tailMemtables * memtableBytesMax;

export const domainPrefix = (clusterId: string, name: string): string => `${clusterId}/domain/${name}/`;

export async function openTerm(options: DomainOpeningOptions, events: OpeningEvents): Promise<DomainTerm> {
  const { log, name } = options;
  const group = `domain/${name}`;
  const prefix = domainPrefix(options.clusterId, name);
  const [opened] = await log.open([group], options.termAtLeast);
  if (opened === undefined) throw new EngineError('bug', `the log opened nothing for ${group}`);
  const start = readSnapshot(opened, prefix);
  checkBounds(opened, start.index);
  if (opened.snapshot === undefined && opened.end === 0) await refuseLostLog(options.store, group, prefix);

  const tail = new TailLedger(start.index);
  let opening: DomainTerm | undefined;
  let endedEarly: EngineError | undefined;
  const onEnd = (error: EngineError): void => {
    if (opening === undefined) endedEarly ??= error;
    else events.onEnd(opening, error);
  };
  const journal = new ManifestInLog({
    log,
    group,
    term: opened.term,
    prefix,
    logger: options.logger,
    confirmOwnership: options.confirmOwnership,
    onRecorded: (index) => tail.cover(index),
    onTrimmed: (first) => {
      if (opening !== undefined) opening.first = first;
    },
    onHeld: events.onHeld,
    onEnd,
  });
  const lsm = await openLsm({
    store: options.store,
    prefix,
    incarnation: options.incarnation,
    term: opened.term,
    journal,
    manifest: start.manifest,
    caches: options.caches,
    rules: options.rules,
    clock: options.clock,
    logger: options.logger,
    pause: options.pause,
    onGiveUp: onEnd,
  });
  try {
    const covered = start.manifest === undefined ? 0 : start.index;
    if (lsm.coveredIndex !== covered) throw wrongManifest(group, covered, lsm.coveredIndex);
    await replayTail(lsm, { opened, start, tail, events, options });
    if (endedEarly !== undefined) throw endedEarly;
  } catch (error) {
    // A merge of tables may have begun, and its record may be held.
    journal.close(toEngineError(error));
    await lsm[Symbol.asyncDispose]();
    throw error;
  }
  const { term, first, end } = opened;
  const replayedEnd = lsm.appliedIndex > lsm.coveredIndex ? lsm.appliedIndex : 0;
  opening = new DomainTerm({ term, lsm, journal, tail, first, end, replayedEnd });
  return opening;
}

interface Start {
  /** The entries up to and with this one are in the snapshot. */
  readonly index: number;
  readonly manifest: ManifestRef | undefined;
  /** Rows of a snapshot from before there were tables. */
  readonly rows: LsmEntry | undefined;
}

function readSnapshot({ group, snapshot }: OpenedGroup, prefix: string): Start {
  if (snapshot === undefined) return { index: 0, manifest: undefined, rows: undefined };
  const { index, bytes } = snapshot;
  const what = `the snapshot of ${group}`;
  return damagedAs(group, index, () => {
    if (bytes.toString('latin1', 0, 4) !== recordedManifestMagic) {
      const changes = decodeRowSnapshot(bytes, what).map(({ key, value }) => ({ key: keyFromText(key), value }));
      return { index, manifest: undefined, rows: changes.length === 0 ? undefined : { index, changes } };
    }
    const recorded = decodeRecordedManifest(bytes, what);
    if (recorded.prefix !== prefix) {
      throw new EngineError('corrupt-log', `${what} names a manifest below ${recorded.prefix}, not ${prefix}`, {
        context: { expected: prefix, found: recorded.prefix },
      });
    }
    return { index, manifest: recorded.ref, rows: undefined };
  });
}

function checkBounds({ group, first, end }: OpenedGroup, snapshotIndex: number): void {
  if (first <= snapshotIndex + 1 && snapshotIndex <= end) return;
  throw new EngineError(
    'corrupt-log',
    `${group} holds the entries ${first} … ${end}, its snapshot ends at ${snapshotIndex}`,
    { context: { group, first, end, snapshotIndex } },
  );
}

/** An empty log is that of a new domain, or of one whose log was lost: the bucket knows. */
async function refuseLostLog(store: ObjectStore, group: string, prefix: string): Promise<void> {
  for await (const { key } of store.list({ prefix: `${prefix}manifest/` })) {
    throw new EngineError('corrupt-log', `${group} is empty, but the bucket holds ${key}: the log has lost it`, {
      context: { group, key },
    });
  }
}

/** The manifest matches what the log says of its bytes, so one of the two was written wrongly. */
function wrongManifest(group: string, expected: number, found: number): EngineError {
  return new EngineError('corrupt-log', `the manifest of ${group} covers entries up to ${found}, not ${expected}`, {
    context: { group, expected, found },
  });
}

interface Replay {
  readonly opened: OpenedGroup;
  readonly start: Start;
  readonly tail: TailLedger;
  readonly events: OpeningEvents;
  readonly options: DomainOpeningOptions;
}

async function replayTail(lsm: LsmStore, { opened, start, tail, events, options }: Replay): Promise<void> {
  const { group, first, end } = opened;
  const { log, pause } = options;
  const entries: LsmEntry[] = start.rows === undefined ? [] : [start.rows];
  const sortedBytesMax = tailBytesMax(options.rules);
  let isSorted = false;
  // Entries that are covered already are read only where a write is looked for.
  for (let next = Math.max(first, Math.min(start.index, events.lookBehind) + 1); next <= end; ) {
    const piece = await log.read(group, next, readBytes);
    if (piece.length === 0) throw missing(group, next);
    for (const { index, bytes } of piece) {
      if (index !== next) throw missing(group, next);
      next += 1;
      const entry = damagedAs(group, index, () => decodeEntry(bytes, `entry ${index} of ${group}`));
      if (index > events.lookBehind) events.onWrite(entry.writeId);
      if (index <= start.index) continue;
      tail.add(bytes.length);
      const changes = entry.changes.map(({ key, value }) => ({ key: keyFromText(key), value }));
      if (isSorted) lsm.apply({ index, changes });
      else entries.push({ index, changes });
    }
    if (!isSorted && tail.bytes > sortedBytesMax) {
      lsm.replay(entries.splice(0));
      isSorted = true;
    }
    await pause();
  }
  if (!isSorted) lsm.replay(entries);
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
