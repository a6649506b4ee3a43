// Cold catch-up reads: history is written, reconciled, and read back by a broker that was just started, from files that are not in the
// page cache. Kafka beside ours, and ours once more with every GET of its store late. All reads of one shape are over the same bytes.

import { createTopic } from '../../test/support/create-topic.ts';
import { type ClientProfile, consume, mebibyte, produce } from '../perf-tools.ts';
import { machineLoad, peakResidentMiB } from '../process-usage.ts';
import { total } from './metrics-text.ts';
import { diskReadCeiling } from './page-cache.ts';
import {
  costed,
  type HistoryContext,
  type HistorySubject,
  recordsFor,
  refuseWhenDiskIsShort,
  restartCold,
  startSubject,
} from './subjects.ts';

export interface CatchUpRead {
  readonly subject: string;
  readonly partitions: number;
  readonly profile: string;
  readonly getLatencyMs: number;
  readonly mbPerSecond: number;
  readonly cpuPerGiB: number;
  readonly peakMiB: number;
  /** Ours only. */
  readonly getsPerGiB: number | undefined;
  readonly bytesPerGet: number | undefined;
  /** Of the bytes handed out, how many were fetched. */
  readonly fetchedRatio: number | undefined;
  readonly cold: boolean;
  readonly load: number;
}

export interface Built {
  readonly partitions: number;
  readonly profile: string;
  readonly produceMBps: number;
  /** From the end of produce until all is in L1, and what the broker took for both. */
  readonly reconcileSeconds: number;
  readonly cpuPerGiB: number;
  readonly l1Objects: number;
  readonly l1Bytes: number;
  /** GETs for a GiB when each is of the most bytes that one reads, and one for the footer of each object. */
  readonly getsPerGiBFloor: number;
}

export interface CatchUpResult {
  readonly built: readonly Built[];
  readonly reads: readonly CatchUpRead[];
  readonly diskReadMBps: number;
}

/** The most bytes of one GET of the reader of L1 objects (l1/chunk-memory.ts). */
const getBytesMax = 8 * mebibyte;
const topic = 'history';

export async function catchUp(context: HistoryContext, withLateGets: boolean): Promise<CatchUpResult> {
  const built: Built[] = [];
  const reads: CatchUpRead[] = [];
  const ceilings: number[] = [];
  for (const profile of context.profiles) {
    for (const partitions of context.partitions) {
      await refuseWhenDiskIsShort(context.directory, context.gib * 4);
      const subjects: HistorySubject[] = [];
      try {
        for (const name of context.subjects) {
          const subject = await startSubject(name, context);
          subjects.push(subject);
          const one = await build(subject, partitions, profile, context);
          if (one !== undefined) built.push(one);
          await subject.stop();
          ceilings.push(await diskReadCeiling(subject.dataDirectory, 1024 * mebibyte));
        }
        const turns = subjects.flatMap((subject) =>
          subject.engine !== undefined && withLateGets
            ? [
                { subject, latencyMs: 0 },
                { subject, latencyMs: context.latencyMs },
              ]
            : [{ subject, latencyMs: 0 }],
        );
        for (let round = 0; round < context.reads; round++) {
          for (const { subject, latencyMs } of round % 2 === 0 ? turns : turns.toReversed()) {
            const read = await readCold(subject, partitions, profile, latencyMs, context);
            reads.push(read);
            context.log(JSON.stringify(read));
          }
        }
      } finally {
        for (const subject of subjects) await subject.end();
      }
    }
  }
  return { built, reads, diskReadMBps: Math.max(...ceilings) };
}

async function build(
  subject: HistorySubject,
  partitions: number,
  profile: ClientProfile,
  { gib, log }: HistoryContext,
): Promise<Built | undefined> {
  await createTopic(subject.bootstrap, topic, partitions);
  let reconcileSeconds = 0;
  const { result, cpu } = await costed(subject, async () => {
    const produced = await produce(subject.bootstrap, topic, recordsFor(gib, profile), profile);
    const began = performance.now();
    await subject.engine?.reconcile(topic);
    reconcileSeconds = (performance.now() - began) / 1000;
    return produced;
  });
  if (subject.engine === undefined) return undefined;
  const metrics = await subject.engine.metrics();
  const l1Objects = total(metrics, 'reconcile_objects_total');
  const l1Bytes = total(metrics, 'reconcile_object_bytes_total');
  const built: Built = {
    partitions,
    profile: profile.name,
    produceMBps: result.mbPerSecond,
    reconcileSeconds,
    cpuPerGiB: cpu / gib,
    l1Objects,
    l1Bytes,
    getsPerGiBFloor: (Math.ceil(l1Bytes / getBytesMax) + l1Objects) / gib,
  };
  log(JSON.stringify(built));
  return built;
}

async function readCold(
  subject: HistorySubject,
  partitions: number,
  profile: ClientProfile,
  getLatencyMs: number,
  { gib }: HistoryContext,
): Promise<CatchUpRead> {
  const cold = await restartCold(subject, getLatencyMs);
  const before = await subject.engine?.metrics();
  const records = recordsFor(gib, profile);
  const { result, cpu } = await costed(subject, () => consume(subject.bootstrap, topic, records, profile));
  const after = await subject.engine?.metrics();
  const peakMiB = await peakResidentMiB(subject.pid);
  const delta = (name: string, label = ''): number =>
    before === undefined || after === undefined ? Number.NaN : total(after, name, label) - total(before, name, label);
  const isOurs = before !== undefined;
  return {
    subject: subject.name,
    partitions,
    profile: profile.name,
    getLatencyMs,
    mbPerSecond: result.mbPerSecond,
    cpuPerGiB: cpu / gib,
    peakMiB,
    getsPerGiB: isOurs ? delta('store_calls_total', 'operation="get"') / gib : undefined,
    bytesPerGet: isOurs ? delta('l1_read_bytes_total') / delta('l1_reads_total') : undefined,
    fetchedRatio: isOurs ? delta('l1_read_bytes_total') / (gib * 1024 ** 3) : undefined,
    cold,
    load: await machineLoad(),
  };
}
