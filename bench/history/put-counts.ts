// PUTs for a GiB written, against the floor: one for every 4 MiB in L0, one part for every 16 MiB in L1. Producers fill objects; the
// seal interval is the one of S3, on a directory too. Only ours: Kafka has no store.

import { createTopic } from '../../test/support/create-topic.ts';
import { hasVersitygw, VersitygwProcess } from '../../test/support/versitygw-process.ts';
import { mebibyte, produce } from '../perf-tools.ts';
import type { EngineStart } from './engine-process.ts';
import { total } from './metrics-text.ts';
import { costed, type HistoryContext, recordsFor, refuseWhenDiskIsShort, startSubject } from './subjects.ts';

export interface PutCounts {
  readonly store: 'directory' | 'versitygw';
  readonly partitions: number;
  readonly profile: string;
  readonly produceMBps: number;
  readonly produceLatencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly cpuPerGiB: number;
  /** For a GiB of batches. */
  readonly l0Puts: number;
  readonly l0Floor: number;
  /** Parts, and objects that were small enough for a plain PUT. */
  readonly l1Parts: number;
  readonly l1Floor: number;
  /** Begins and completions of multipart uploads: calls that carry no bytes, but cost as much. */
  readonly l1Frames: number;
  readonly domainPuts: number;
  /** Of L0 objects. */
  readonly l0ReadBackPerGiB: number;
  /** Tries of retried calls among all of them. */
  readonly allWrites: number;
}

const l0ObjectBytes = 4 * mebibyte;
const partBytes = 16 * mebibyte;
const gibibyte = 1024 ** 3;

export async function putCounts(context: HistoryContext): Promise<PutCounts[]> {
  const counts: PutCounts[] = [];
  for (const profile of context.profiles) {
    for (const partitions of context.partitions) {
      const settings = { 'cloudtopics.seal.interval.ms': '250' };
      counts.push(await countOn('directory', partitions, profile, context, { settings }));
      context.log(JSON.stringify(counts.at(-1)));
      if (!hasVersitygw()) continue;
      await using gateway = await VersitygwProcess.start(`${context.directory}/s3-${profile.name}-${partitions}`);
      const store = await gateway.makeBucket('bench');
      counts.push(await countOn('versitygw', partitions, profile, context, { store, env: gateway.credentials }));
      context.log(JSON.stringify(counts.at(-1)));
    }
  }
  return counts;
}

async function countOn(
  store: PutCounts['store'],
  partitions: number,
  profile: HistoryContext['profiles'][number],
  context: HistoryContext,
  start: Partial<EngineStart>,
): Promise<PutCounts> {
  await refuseWhenDiskIsShort(context.directory, context.gib * 3);
  const subject = await startSubject('cloudtopics', context, start);
  try {
    const engine = subject.engine as NonNullable<typeof subject.engine>;
    await createTopic(subject.bootstrap, 'written', partitions);
    const before = (await engine.facts()).calls;
    const metricsBefore = await engine.metrics();
    const { result, cpu } = await costed(subject, async () => {
      const produced = await produce(subject.bootstrap, 'written', recordsFor(context.gib, profile), profile);
      await engine.reconcile('written');
      return produced;
    });
    const { calls } = await engine.facts();
    const metrics = await engine.metrics();
    const made = (name: string): number => (calls[name] ?? 0) - (before[name] ?? 0);
    const grown = (name: string, label = ''): number => total(metrics, name, label) - total(metricsBefore, name, label);
    const gib = grown('reconcile_bytes_total') / gibibyte;
    const writes = ['put', 'multipart-create', 'multipart-part', 'multipart-complete'];
    return {
      store,
      partitions,
      profile: profile.name,
      produceMBps: result.mbPerSecond,
      produceLatencyMs: result.latencyMs,
      cpuPerGiB: cpu / gib,
      l0Puts: made('level_zero put') / gib,
      l0Floor: gibibyte / l0ObjectBytes,
      l1Parts: (made('level_one put') + made('level_one multipart-part')) / gib,
      l1Floor: gibibyte / partBytes,
      l1Frames: (made('level_one multipart-create') + made('level_one multipart-complete')) / gib,
      domainPuts: made('domain put') / gib,
      l0ReadBackPerGiB: grown('reconcile_l0_reads_total') / gib,
      allWrites: writes.reduce((sum, name) => sum + grown('store_calls_total', `operation="${name}"`), 0) / gib,
    };
  } finally {
    await subject.end();
  }
}
