// A steady load for minutes: what the broker takes of CPU and memory, whether its memory is bounded, and how far behind the reconciler is.

import { createTopic } from '../../test/support/create-topic.ts';
import { mebibyte, type Percentiles, produce, recordBytes } from '../perf-tools.ts';
import { machineLoad } from '../process-usage.ts';
import { total } from './metrics-text.ts';
import { filesBelow } from './page-cache.ts';
import { type HistoryContext, refuseWhenDiskIsShort, startSubject } from './subjects.ts';
import { percentile, sampled, type UsageSample } from './usage-sampler.ts';

/** What is asked of ours every second; nothing of Kafka. */
interface EngineSample {
  readonly backlogBytes: number;
  readonly backlogMs: number;
  readonly logEntries: number;
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
  readonly heapMiB: number;
  readonly bufferMiB: number;
}

export interface SteadyState {
  readonly subject: string;
  readonly partitions: number;
  readonly offeredMBps: number;
  readonly seconds: number;
  readonly carriedMBps: number;
  readonly produceMs: Percentiles;
  readonly cores: number;
  readonly cpuPerGiB: number;
  /** Medians of the first, second, third and last quarter of the time: memory that grows shows here. */
  readonly residentMiBByQuarter: readonly number[];
  readonly residentMiBMax: number;
  readonly backlogMiB: Percentiles | undefined;
  readonly backlogMs: Percentiles | undefined;
  readonly logEntries: Percentiles | undefined;
  /** Percentiles over the seconds, of each second's 99th percentile; and the longest of all. */
  readonly loopDelayMs: (Percentiles & { readonly max: number }) | undefined;
  readonly l1ObjectMiB: (Percentiles & { readonly count: number }) | undefined;
  readonly load: number;
  readonly samples: readonly (UsageSample & Partial<EngineSample>)[];
}

const topic = 'steady';
const warmUpSeconds = 5;

export async function steadyState(context: HistoryContext): Promise<SteadyState[]> {
  const results: SteadyState[] = [];
  const { mbPerSecond, steadySeconds } = context;
  const profile = context.profiles[0] as HistoryContext['profiles'][number];
  const partitions = context.partitions.at(-1) as number;
  const gib = (mbPerSecond * steadySeconds) / 1024;
  for (const name of context.subjects) {
    await refuseWhenDiskIsShort(context.directory, gib * 2);
    const subject = await startSubject(name, context);
    try {
      const { engine } = subject;
      await createTopic(subject.bootstrap, topic, partitions);
      await engine?.facts();
      const perSecond = (mbPerSecond * mebibyte) / recordBytes;
      const { result, samples, cpu } = await sampled<Awaited<ReturnType<typeof produce>>, Partial<EngineSample>>(
        subject.pid,
        () =>
          produce(
            subject.bootstrap,
            topic,
            perSecond * steadySeconds,
            profile,
            perSecond,
            perSecond * Math.min(warmUpSeconds, steadySeconds / 2),
          ),
        async () => {
          if (engine === undefined) return {};
          const [backlog, facts] = await Promise.all([engine.backlog(topic), engine.facts()]);
          return {
            backlogBytes: backlog.bytes,
            backlogMs: backlog.ageMs,
            logEntries: backlog.logEntries,
            loopDelayP99Ms: facts.loopDelayMs.p99,
            loopDelayMaxMs: facts.loopDelayMs.max,
            heapMiB: facts.heapBytes / mebibyte,
            bufferMiB: facts.bufferBytes / mebibyte,
          };
        },
      );
      const loaded = samples.filter(({ seconds }) => seconds > warmUpSeconds);
      const of = (read: (sample: (typeof samples)[number]) => number | undefined): Percentiles | undefined =>
        engine === undefined ? undefined : percentiles(loaded.map((sample) => read(sample) ?? Number.NaN));
      const delay = of((sample) => sample.loopDelayP99Ms);
      results.push({
        subject: name,
        partitions,
        offeredMBps: mbPerSecond,
        seconds: result.seconds,
        carriedMBps: result.mbPerSecond,
        produceMs: result.latencyMs,
        cores: cpu / result.seconds,
        cpuPerGiB: cpu / gib,
        residentMiBByQuarter: [0, 1, 2, 3].map((quarter) => quarterMedian(samples, quarter)),
        residentMiBMax: Math.max(...samples.map(({ residentMiB }) => residentMiB)),
        backlogMiB: of((sample) => (sample.backlogBytes ?? Number.NaN) / mebibyte),
        backlogMs: of((sample) => sample.backlogMs),
        logEntries: of((sample) => sample.logEntries),
        loopDelayMs:
          delay === undefined
            ? undefined
            : { ...delay, max: Math.max(...loaded.map((one) => one.loopDelayMaxMs ?? 0)) },
        l1ObjectMiB: engine === undefined ? undefined : await objectSizes(engine.bucket),
        load: await machineLoad(),
        samples,
      });
      const { samples: _, ...shown } = results.at(-1) as SteadyState;
      context.log(JSON.stringify(shown));
      if (engine !== undefined) {
        const metrics = await engine.metrics();
        context.log(`failed rounds of the reconciler: ${total(metrics, 'reconcile_failed_rounds_total')}`);
      }
    } finally {
      await subject.end();
    }
  }
  return results;
}

const percentiles = (values: readonly number[]): Percentiles => ({
  p50: percentile(values, 0.5),
  p95: percentile(values, 0.95),
  p99: percentile(values, 0.99),
});

function quarterMedian(samples: readonly UsageSample[], quarter: number): number {
  const from = Math.floor((samples.length * quarter) / 4);
  const end = Math.floor((samples.length * (quarter + 1)) / 4);
  return percentile(
    samples.slice(from, end).map(({ residentMiB }) => residentMiB),
    0.5,
  );
}

async function objectSizes(bucket: string): Promise<Percentiles & { readonly count: number }> {
  const sizes = (await filesBelow(bucket))
    .filter(({ path }) => path.includes('/level_one/'))
    .map(({ bytes }) => bytes / mebibyte);
  return { ...percentiles(sizes), count: sizes.length };
}
