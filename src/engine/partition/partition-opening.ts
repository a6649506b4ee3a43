// Opening partitions: take a higher term for many at once, then read snapshot and log tail of each. Nothing is listed.

import { EngineError, toEngineError } from '../base/errors.ts';
import type { ClusterEpoch, Term, TopicId } from '../base/ids.ts';
import type { BatchRules } from '../records/records.ts';
import type { LogEntry, OpenedGroup, ReplicatedLog } from '../replicated-log/replicated-log.ts';
import { CommittedState } from './committed-state.ts';
import { type ColdRuns, type Extent, ExtentIndex } from './extent-index.ts';
import type { OpenedPartition } from './partition-parts.ts';
import { decodePartitionSnapshot } from './partition-snapshot-format.ts';
import { PendingAge } from './pending-age.ts';
import { decodePartitionEntry } from './placeholder-format.ts';
import { type AwaitedProducers, type ProducerRules, ProducerTable } from './producer-table.ts';
import type { StagedBatch } from './staged-batch.ts';

export interface PartitionSpec {
  readonly topicId: TopicId;
  readonly index: number;
  readonly creationEpoch: ClusterEpoch;
  readonly rules: () => BatchRules;
}

export interface OpeningOptions {
  readonly log: ReplicatedLog;
  readonly producerRules: () => ProducerRules;
  /** Recent extents that one partition may keep in memory. */
  readonly recentExtentsMax: () => number;
  readonly cold: ColdRuns;
  readonly onTermOver: (spec: PartitionSpec, error: EngineError, awaited: AwaitedProducers) => void;
  /** Where a term has just ended in this process: what its leader knew of producers whose start had failed. */
  readonly awaited?: AwaitedProducers;
}

const replayReadBytes = 1024 * 1024;
const oldestReadBytes = 64 * 1024;

export const partitionGroup = (topicId: TopicId, index: number): string => `partition/${topicId}/${index}`;

/** What opening a partition came to. */
export interface Opening {
  readonly spec: PartitionSpec;
  readonly opened: OpenedPartition | EngineError;
}

/** Takes terms for all in one call; a partition whose log cannot be read does not keep the others closed. */
export async function openPartitions(specs: readonly PartitionSpec[], options: OpeningOptions): Promise<Opening[]> {
  const groups = await options.log.open(specs.map((spec) => partitionGroup(spec.topicId, spec.index)));
  const openings: Opening[] = [];
  for (const [at, spec] of specs.entries()) {
    const opened = await replay(spec, groups[at] as OpenedGroup, options).catch(toEngineError);
    openings.push({ spec, opened });
  }
  return openings;
}

async function replay(spec: PartitionSpec, group: OpenedGroup, options: OpeningOptions): Promise<OpenedPartition> {
  const state = new CommittedState(spec.creationEpoch);
  const extents = new ExtentIndex({
    recentMax: options.recentExtentsMax,
    readLog: (from, bytesMax) => options.log.read(group.group, from, bytesMax),
    group: group.group,
    cold: options.cold,
  });
  extents.beginAt(group.first);
  const producers = new ProducerTable<StagedBatch>(options.producerRules, options.awaited);
  const age = new PendingAge();
  if (group.snapshot !== undefined)
    decodePartitionSnapshot(group.snapshot.bytes, group.group, state, extents, producers);
  await noteOldestPending(group.group, options.log, state, extents, age);
  let next = (group.snapshot?.index ?? 0) + 1;
  if (next < group.first) {
    throw new EngineError(
      'corrupt-log',
      `${group.group}: the log begins at ${group.first}, its snapshot ends at ${next - 1}`,
    );
  }
  while (next <= group.end) {
    const entries = await options.log.read(group.group, next, replayReadBytes);
    if (entries.length === 0)
      throw new EngineError('corrupt-log', `${group.group}: entry ${next} of ${group.end} is missing`);
    for (const entry of entries) applyEntry(entry, group.group, { state, extents, producers, age });
    next = (entries.at(-1)?.index ?? next) + 1;
  }
  return {
    topicId: spec.topicId,
    index: spec.index,
    group: group.group,
    term: group.term as Term,
    logFirst: group.first,
    logEnd: group.end,
    snapshotIndex: group.snapshot?.index ?? 0,
    state,
    extents,
    producers,
    age,
    rules: spec.rules,
    onTermOver: (error, awaited) => options.onTermOver(spec, error, awaited),
  };
}

/** A snapshot does not say since when what it knows is pending; the entry that it is in does. */
async function noteOldestPending(
  group: string,
  log: ReplicatedLog,
  { reconciledEnd, nextOffset }: CommittedState,
  extents: ExtentIndex,
  age: PendingAge,
): Promise<void> {
  if (reconciledEnd === nextOffset) return;
  for (let from = extents.entryOf(reconciledEnd); ; ) {
    const entries = await log.read(group, from, oldestReadBytes);
    for (const { index, bytes } of entries) {
      const entry = decodePartitionEntry(bytes, `${group}#${index}`);
      const end = entry.kind === 'placeholders' ? entry.shares.at(-1)?.batches.at(-1)?.lastOffset : undefined;
      if (entry.kind !== 'placeholders' || end === undefined || end < reconciledEnd) continue;
      age.note(reconciledEnd, entry.appendedAtMs);
      return;
    }
    const last = entries.at(-1);
    // What is missing is found out by who reads it.
    if (last === undefined) return;
    from = last.index + 1;
  }
}

interface Replayed {
  readonly state: CommittedState;
  readonly extents: ExtentIndex;
  readonly producers: ProducerTable<StagedBatch>;
  readonly age: PendingAge;
}

function applyEntry({ index, bytes }: LogEntry, group: string, { state, extents, producers, age }: Replayed): void {
  const where = `${group}#${index}`;
  const entry = decodePartitionEntry(bytes, where);
  if (entry.kind === 'log-start') {
    state.applyLogStart(entry.logStartOffset);
    return;
  }
  if (entry.kind === 'reconciled') {
    if (entry.reconciledEnd > state.nextOffset) {
      throw new EngineError(
        'corrupt-log',
        `log entry ${where} says that offsets up to ${entry.reconciledEnd} are reconciled, the log ends at ${state.nextOffset}`,
      );
    }
    state.applyReconciled(entry.reconciledEnd);
    age.passed(entry.reconciledEnd);
    return;
  }
  const added: Extent[] = [];
  age.note(state.nextOffset, entry.appendedAtMs);
  for (const { object, batches } of entry.shares) {
    state.applyEpoch(object.id.epoch);
    for (const batch of batches) {
      if (batch.baseOffset !== state.nextOffset) {
        throw new EngineError(
          'corrupt-log',
          `log entry ${where} continues at offset ${batch.baseOffset}, not at ${state.nextOffset}`,
        );
      }
      state.applyBatch(batch);
      producers.apply(batch, entry.appendedAtMs);
      added.push({ ...batch, object, term: batch.stamp.term, records: undefined });
    }
  }
  extents.addEntry(index, added);
}
