// One object of a round: partitions of one topic that live in one metastore domain. Preregister → upload → add → move the LROs.
//
// - the object is preregistered before anything of it is uploaded, so an orphan can always be found
// - the metastore takes a partition's offsets only where they continue its own; otherwise it says where to go on, and the LRO goes there:
//   an acknowledgement that was lost heals itself
// - a partition whose data cannot be read ends where it could; the others go on. A poison batch is carried as it is
// - a crash at any step is repeated or skipped by the next round: nothing here is needed again
// Durable: the rows, in the log of the metastore's domain; then the LRO, in the partition's log.

import type { Clock } from '../base/clock.ts';
import { EngineError, hasCode, toEngineError } from '../base/errors.ts';
import { type Offset, offset, type TimestampMs, type TopicId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { L1BuiltSection, L1ObjectBuilder } from '../l1/l1.ts';
import type { OffsetRange } from '../metastore/extent-row-format.ts';
import type { AddObjectsAnswer, AddObjectsRequest, Metastore, PartitionAddition } from '../metastore/metastore.ts';
import type { LedPartition, PendingBatch } from '../partition/partition.ts';
import { isControl, verifyStoredBatch } from '../records/record-batch-format.ts';
import { framed } from './framed-batch.ts';
import { forgottenProducers, type ProducerSweep, producersOf, stretchOf } from './partition-addition.ts';
import type { ReconcileCounters } from './reconcile-counters.ts';
import { type JobReads, ObjectEndsEarly, type RoundReads } from './round-reads.ts';
import { TurnTaking } from './turn-taking.ts';

/** A partition's part of a job: its batches without a gap from the LRO on. */
export interface JobPart {
  readonly leader: LedPartition;
  readonly from: Offset;
  readonly batches: readonly PendingBatch[];
  /** Where to look for producers that the partition has forgotten; undefined for not now. */
  readonly sweep: ProducerSweep | undefined;
}

export interface Job {
  readonly topicId: TopicId;
  readonly domain: number;
  /** By partition. */
  readonly parts: readonly JobPart[];
}

export interface RoundJobOptions {
  readonly metastore: Metastore;
  readonly newBuilder: (topicId: TopicId, objectId: string, signal: AbortSignal) => L1ObjectBuilder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pace: (bytes: number) => Promise<void>;
  /** Lets others have their turn of the event loop. */
  readonly pause: () => Promise<void>;
  readonly step: (name: string) => Promise<void> | void;
  /** Whether offsets whose L0 object is gone, or ends before them, are given up as empty. */
  readonly skipMissing: () => boolean;
  readonly counters: ReconcileCounters;
  readonly signal: AbortSignal;
  /** After an addition, before the LRO moves: the metastore has the partition up to here, though perhaps not in the bucket yet. */
  readonly onAdded: (leader: LedPartition, domain: number, nextOffset: Offset) => void;
  /** Producers that a partition has forgotten are forgotten, as far as was looked; where to go on, if there are more. */
  readonly onSwept: (leader: LedPartition, next: ProducerSweep | undefined) => void;
}

export interface JobOutcome {
  readonly objectBytes: number;
  readonly offsets: number;
  /** Per partition that did not get on, why. */
  readonly problems: ReadonlyMap<LedPartition, EngineError>;
}

/** What became of a part while the object was built. */
interface CarriedPart {
  readonly part: JobPart;
  /** The batches that are dealt with: carried, or left out because nobody needs them. */
  readonly batches: readonly PendingBatch[];
  readonly emptyRange: OffsetRange | undefined;
  readonly section: L1BuiltSection | undefined;
}

/** An addition, and how far producers were looked through for it. */
interface Addition {
  readonly request: PartitionAddition;
  readonly swept: { readonly next: ProducerSweep | undefined } | undefined;
}

const addTries = 4;
/** What is dealt with in one turn of the event loop, where nothing else is waited for: so many batches, or a MiB, in about a millisecond. */
const stepsPerTurn = 256;
const bytesPerStep = 4096;
/** Partitions whose additions are made, and whose LROs are moved, together. */
const partitionsTogether = 256;

export async function runJob(job: Job, reads: RoundReads, options: RoundJobOptions): Promise<JobOutcome> {
  const { metastore, step, newBuilder, signal, counters, clock } = options;
  const problems = new Map<LedPartition, EngineError>();
  await step('reconcile.planned');
  const isWanted = job.parts.some((part) => part.batches.some((batch) => isData(batch, part.leader)));
  const [objectId] = isWanted ? await metastore.preregister(job.domain, 1) : [];
  await step('reconcile.preregistered');
  using jobReads = reads.begin(job);
  const builder = objectId === undefined ? undefined : newBuilder(job.topicId, objectId, signal);
  try {
    const began = clock.monotonicMs();
    const carried: CarriedPart[] = [];
    const turns = new TurnTaking(options.pause, stepsPerTurn);
    for (const part of job.parts) {
      const one = await carry(part, builder, jobReads, turns, options, problems);
      if (one !== undefined) carried.push(one);
    }
    jobReads[Symbol.dispose]();
    if (carried.length === 0) return { objectBytes: 0, offsets: 0, problems };
    const hasObject = builder !== undefined && carried.some(({ section }) => section !== undefined);
    const built = hasObject ? await builder.finish() : undefined;
    counters.buildMs += clock.monotonicMs() - began;
    if (built !== undefined) counters.uploaded(built.sizeBytes);
    await step('reconcile.uploaded');
    const objects =
      built === undefined || objectId === undefined
        ? []
        : [{ objectId, sizeBytes: built.sizeBytes, footerPosition: built.footerPosition }];
    const additions = await inGroups(carried, options, (one) => additionOf(one, objectId, metastore));
    const request = { objects, partitions: additions.map((one) => one.request) };
    const offsets = await addAndMove(job, request, carried, additions, options, problems);
    return { objectBytes: built?.sizeBytes ?? 0, offsets, problems };
  } finally {
    // After a finish this does nothing.
    await builder?.abort();
  }
}

/** Nobody needs batches below the log start, nor control batches: readers of L1 see committed data only. */
function isData(batch: PendingBatch, leader: LedPartition): boolean {
  return batch.lastOffset >= leader.logStartOffset && !isControl(batch.attributes);
}

/** Undefined where not even the first batch could be dealt with. */
async function carry(
  part: JobPart,
  builder: L1ObjectBuilder | undefined,
  reads: JobReads,
  turns: TurnTaking,
  options: RoundJobOptions,
  problems: Map<LedPartition, EngineError>,
): Promise<CarriedPart | undefined> {
  const { leader, from, batches } = part;
  let begun: Offset | undefined;
  let done = 0;
  for (const batch of batches) {
    if (builder !== undefined && isData(batch, leader)) {
      const bytes = await bytesOf(batch, leader, reads, options).catch(toEngineError);
      if (bytes instanceof EngineError) {
        if (options.signal.aborted || !isHopeless(bytes) || !options.skipMissing()) {
          problems.set(leader, bytes);
          break;
        }
        options.logger.error(
          { ...nameOf(leader), offset: batch.baseOffset, error: bytes.message },
          'offsets whose L0 object is gone, or ends before them, are given up as empty',
        );
      } else {
        if (begun === undefined) {
          begun = batch.baseOffset;
          builder.beginSection(leader.index, begun);
        }
        const added = builder.add(bytes.bytes);
        // It is copied; waiting for room keeps no slab from being used again.
        bytes[Symbol.dispose]();
        await added;
        options.counters.batches++;
        options.counters.bytes += batch.length;
      }
    }
    done++;
    await turns.next(1 + batch.length / bytesPerStep);
  }
  if (done === 0) return undefined;
  const dealt = batches.slice(0, done);
  const last = dealt.at(-1) as PendingBatch;
  const section = begun === undefined ? undefined : builder?.endSection(last.lastOffset, lastAppended(dealt));
  const emptyEnd = begun === undefined ? last.lastOffset + 1 : begun;
  const emptyRange = emptyEnd > from ? { baseOffset: from, lastOffset: offset(emptyEnd - 1) } : undefined;
  return { part, batches: dealt, emptyRange, section };
}

/** Where no record has a timestamp, an extent counts with the time it was appended at: retention needs one. */
const lastAppended = (batches: readonly PendingBatch[]): TimestampMs => (batches.at(-1) as PendingBatch).appendedAtMs;

const isHopeless = (error: EngineError): boolean =>
  error instanceof ObjectEndsEarly || hasCode(error, 'object-not-found');

interface BatchBytes extends Disposable {
  readonly bytes: Buffer;
}

async function bytesOf(
  batch: PendingBatch,
  leader: LedPartition,
  reads: JobReads,
  { pace, logger, counters, clock }: RoundJobOptions,
): Promise<BatchBytes> {
  const { records } = batch;
  await pace(batch.length);
  if (records?.pin() === true) return { bytes: records.bytes, [Symbol.dispose]: () => records.unpin() };
  const where = `L0 object ${batch.object.id.name}, bytes ${batch.position} to ${batch.position + batch.length}`;
  const keep = (bytes: Buffer): BatchBytes => ({ bytes, [Symbol.dispose]: () => {} });
  const began = clock.monotonicMs();
  let bytes = await reads.read(batch);
  try {
    verifyStoredBatch(bytes, batch.baseOffset, where);
  } catch {
    const before = bytes;
    bytes = await reads.readAgain(batch);
    try {
      verifyStoredBatch(bytes, batch.baseOffset, where);
    } catch (error) {
      // Damage in the store is the same every time; what differs was hit on its way, and is sound where it lies.
      if (!bytes.equals(before)) throw error;
      counters.poisonBatches++;
      logger.error(
        { ...nameOf(leader), offset: batch.baseOffset, error: toEngineError(error).message },
        'a damaged batch is carried into history as it is; its readers will find its checksum wrong',
      );
      bytes = framed(bytes, batch);
    }
  } finally {
    counters.readMs += clock.monotonicMs() - began;
  }
  return keep(bytes);
}

async function additionOf(
  { part, batches, emptyRange, section }: CarriedPart,
  objectId: string | undefined,
  metastore: Metastore,
): Promise<Addition> {
  const { leader, from, sweep } = part;
  const { terms, lastStamp } = stretchOf(from, batches);
  const producers = await producersOf(metastore, leader, batches);
  const extents =
    section === undefined || objectId === undefined
      ? []
      : [
          {
            baseOffset: section.baseOffset,
            lastOffset: section.lastOffset,
            maxTimestamp: section.maxTimestamp,
            objectId,
            position: section.position,
            length: section.length,
          },
        ];
  const swept = sweep === undefined ? undefined : await forgottenProducers(metastore, leader, producers, sweep);
  const request = {
    topicId: leader.topicId,
    partition: leader.index,
    extents,
    emptyRanges: emptyRange === undefined ? [] : [emptyRange],
    terms,
    lastStamp,
    producers,
    forgottenProducers: swept?.forgotten ?? [],
  };
  return { request, swept };
}

/** Resolves to the offsets by which LROs have moved. */
async function addAndMove(
  job: Job,
  request: AddObjectsRequest,
  carried: readonly CarriedPart[],
  additions: readonly Addition[],
  options: RoundJobOptions,
  problems: Map<LedPartition, EngineError>,
): Promise<number> {
  const { counters, clock, step } = options;
  const began = clock.monotonicMs();
  const { corrections, removedTopics } = await add(request, options);
  counters.addMs += clock.monotonicMs() - began;
  await step('reconcile.added');
  if (removedTopics.length > 0) return 0;
  const corrected = new Map(corrections.map(({ partition, nextOffset }) => [partition, nextOffset]));
  counters.corrections += corrected.size;
  for (const [at, { swept }] of additions.entries()) {
    const { leader } = (carried[at] as CarriedPart).part;
    if (swept !== undefined && !corrected.has(leader.index)) options.onSwept(leader, swept.next);
  }
  const moved = await inGroups(carried, options, async ({ part: { leader, from }, batches }) => {
    const nextOffset = corrected.get(leader.index) ?? stretchOf(from, batches).end;
    try {
      return await moveTo(leader, job.domain, from, nextOffset, options);
    } catch (error) {
      problems.set(leader, toEngineError(error));
      return 0;
    }
  });
  await step('reconcile.moved');
  return moved.reduce((sum, one) => sum + one, 0);
}

/** A group at a time, so that a topic of thousands of partitions leaves others their turns of the event loop. */
async function inGroups<One, Result>(
  all: readonly One[],
  { pause }: RoundJobOptions,
  work: (one: One) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < all.length; at += partitionsTogether) {
    if (at > 0) await pause();
    results.push(...(await Promise.all(all.slice(at, at + partitionsTogether).map(work))));
  }
  return results;
}

async function moveTo(
  leader: LedPartition,
  domain: number,
  from: Offset,
  nextOffset: Offset,
  { onAdded }: RoundJobOptions,
): Promise<number> {
  if (nextOffset < from) {
    throw new EngineError(
      'corrupt-log',
      `the metastore has the partition up to ${nextOffset} only, its log says that offsets up to ${from} are reconciled`,
      { context: { ...nameOf(leader), nextOffset, reconciledEnd: from } },
    );
  }
  onAdded(leader, domain, nextOffset);
  await leader.reconciledTo(nextOffset);
  return nextOffset - from;
}

/** A request whose outcome is not known is made again: it is answered with corrections then. */
async function add(
  request: AddObjectsRequest,
  { metastore, counters, logger, signal }: RoundJobOptions,
): Promise<AddObjectsAnswer> {
  for (let tries = 1; ; tries++) {
    try {
      return await metastore.addObjects(request);
    } catch (error) {
      const known = toEngineError(error);
      if (!known.retryable || tries === addTries || signal.aborted) throw known;
      counters.metastoreRetries++;
      logger.warn({ code: known.code, error: known.message }, 'the metastore is asked again to add an object');
    }
  }
}

const nameOf = ({ topicId, index }: LedPartition) => ({ topicId, partition: index });
