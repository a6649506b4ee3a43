// Kafka's own performance tools, run against any broker, and their printed lines read.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runJavaTool } from '../test/support/kafka-process.ts';

export interface ClientProfile {
  readonly name: string;
  readonly producers: number;
  readonly producerProperties: readonly string[];
  readonly consumerProperties: readonly string[];
  readonly fetchSize: number;
}

export const profiles: Readonly<Record<string, ClientProfile>> = {
  default: {
    name: 'default',
    producers: 1,
    producerProperties: ['acks=all'],
    consumerProperties: [],
    fetchSize: 1_048_576,
  },
  tuned: {
    name: 'tuned',
    producers: 4,
    producerProperties: ['acks=all', 'batch.size=1048576', 'linger.ms=10', 'buffer.memory=134217728'],
    consumerProperties: [],
    fetchSize: 4_194_304,
  },
};

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface ProduceResult {
  readonly mbPerSecond: number;
  /** Milliseconds from send to acknowledgement, the median over the producers. */
  readonly latencyMs: Percentiles;
  readonly seconds: number;
}

export const mebibyte = 1_048_576;
export const recordBytes = 1024;

/**
 * Several ProducerPerformance in one JVM; MB/s (MiB, as the tool says it) over the wall time of all of them. The first `warmUpRecords`
 * do not count in the latencies.
 */
export async function produce(
  bootstrap: string,
  topic: string,
  records: number,
  profile: ClientProfile,
  recordsPerSecond = -1,
  warmUpRecords = 0,
): Promise<ProduceResult> {
  const each = Math.floor(records / profile.producers);
  const output = await runJavaTool(
    'org.apache.kafka.tools.ParallelProducerPerformance',
    [
      String(profile.producers),
      '--bootstrap-server', bootstrap,
      '--topic', topic,
      '--num-records', String(each),
      '--record-size', String(recordBytes),
      '--throughput', String(recordsPerSecond < 0 ? -1 : Math.round(recordsPerSecond / profile.producers)),
      '--reporting-interval', '3600000',
      ...(warmUpRecords > 0 ? ['--warmup-records', String(Math.ceil(warmUpRecords / profile.producers))] : []),
      '--command-property', ...profile.producerProperties,
    ], // biome-ignore format: one argument list
    // The buffers of four producers fill up while a broker is slower than they are.
    { shortLived: false, timeoutMs: 1_800_000, heap: '1536m' },
  );
  const wallMs = Number(/^PARALLEL .*wallMs=(\d+)/m.exec(output)?.[1]);
  const lines = [
    ...output.matchAll(
      /^(\d+) (steady state )?records sent, .* (\d+) ms 50th, (\d+) ms 95th, (\d+) ms 99th, \d+ ms 99\.9th\./gm,
    ),
  ];
  const summaries = lines.filter((line) => line[2] === undefined);
  const steady = warmUpRecords > 0 ? lines.filter((line) => line[2] !== undefined) : summaries;
  const isWhole = summaries.length === profile.producers && steady.length === profile.producers;
  if (!isWhole || !(wallMs > 0)) throw new Error(`unexpected output\n${output}`);
  const over = (index: number) => median(steady.map((summary) => Number(summary[index])));
  const sent = summaries.reduce((sum, summary) => sum + Number(summary[1]), 0);
  return {
    mbPerSecond: (sent * recordBytes) / mebibyte / (wallMs / 1000),
    latencyMs: { p50: over(3), p95: over(4), p99: over(5) },
    seconds: wallMs / 1000,
  };
}

/** ConsumerPerformance from the start of the topic; MB/s without the time to join the group. */
export async function consume(
  bootstrap: string,
  topic: string,
  records: number,
  profile: ClientProfile,
): Promise<{ mbPerSecond: number }> {
  const output = await runJavaTool(
    'org.apache.kafka.tools.ConsumerPerformance',
    [
      '--bootstrap-server', bootstrap,
      '--topic', topic,
      '--num-records', String(records),
      '--fetch-size', String(profile.fetchSize),
      '--timeout', '30000',
      '--reporting-interval', '3600000',
      '--hide-header',
      ...profile.consumerProperties.flatMap((property) => ['--command-property', property]),
    ], // biome-ignore format: one argument list
    { shortLived: false, timeoutMs: 900_000 },
  );
  // start, end, data in MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
  const line = output.split('\n').find((each) => /^\d{4}-\d\d-\d\d /.test(each));
  const fields = line?.split(',').map((field) => field.trim());
  if (fields === undefined || Number(fields[4]) < records) throw new Error(`unexpected output\n${output}`);
  return { mbPerSecond: Number(fields[8]) };
}

/** EndToEndLatency, observed through an interceptor, because the tool prints whole milliseconds and no p95. */
export async function endToEnd(
  bootstrap: string,
  topic: string,
  records: number,
): Promise<{ produceMs: Percentiles; endToEndMs: Percentiles }> {
  const directory = await mkdtemp(join(tmpdir(), 'end-to-end-'));
  try {
    const config = join(directory, 'client.properties');
    await writeFile(config, 'interceptor.classes=org.apache.kafka.tools.EndToEndPercentiles\n');
    const output = await runJavaTool(
      'org.apache.kafka.tools.EndToEndPercentiles',
      [
        '--bootstrap-server', bootstrap,
        '--topic', topic,
        '--num-records', String(records),
        '--producer-acks', 'all',
        '--record-size', String(recordBytes),
        '--command-config', config,
      ], // biome-ignore format: one argument list
      { shortLived: false, timeoutMs: 900_000 },
    );
    const read = (name: string): Percentiles => {
      const found = new RegExp(`^${name} count=\\d+ p50=([\\d.]+) p95=([\\d.]+) p99=([\\d.]+)`, 'm').exec(output);
      if (found === null) throw new Error(`unexpected output\n${output}`);
      return { p50: Number(found[1]), p95: Number(found[2]), p99: Number(found[3]) };
    };
    return { produceMs: read('PRODUCE'), endToEndMs: read('END_TO_END') };
  } finally {
    await rm(directory, { recursive: true });
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
