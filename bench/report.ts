// Turns measurements into the table that can be compared from one sitting to the next.

import type { DiskCeiling } from './disk-ceiling.ts';
import { median, type Percentiles } from './perf-tools.ts';
import type { SubjectName } from './subject.ts';

export interface Measurement {
  readonly subject: SubjectName;
  readonly round: number;
  readonly partitions: number;
  readonly profile: string;
  /** MB is 1,048,576 bytes, as Kafka's tools count. */
  readonly produceMBps: number;
  readonly produceCpuPerGiB: number;
  readonly produceLatencyMs: Percentiles;
  readonly fetchTailMBps: number;
  readonly fetchTailCpuPerGiB: number;
  readonly fetchRestartedMBps: number;
  readonly fetchRestartedCpuPerGiB: number;
  /** One record at a time: send to acknowledgement, and send to receipt by a consumer. */
  readonly singleProduceMs: Percentiles;
  readonly endToEndMs: Percentiles;
  readonly peakMiB: number;
  readonly load: number;
}

type Cell = (rows: readonly Measurement[]) => string;

const columns: readonly (readonly [string, Cell])[] = [
  ['produce MB/s', (rows) => round(rows, (row) => row.produceMBps)],
  ['CPU s/GiB', (rows) => round(rows, (row) => row.produceCpuPerGiB, 1)],
  ['produce p50/p95/p99 ms', (rows) => three(rows, (row) => row.produceLatencyMs, 0)],
  ['fetch tail MB/s', (rows) => round(rows, (row) => row.fetchTailMBps)],
  ['CPU s/GiB', (rows) => round(rows, (row) => row.fetchTailCpuPerGiB, 1)],
  ['fetch restarted MB/s', (rows) => round(rows, (row) => row.fetchRestartedMBps)],
  ['CPU s/GiB', (rows) => round(rows, (row) => row.fetchRestartedCpuPerGiB, 1)],
  ['single produce p50/p95/p99 ms', (rows) => three(rows, (row) => row.singleProduceMs, 1)],
  ['end-to-end p50/p95/p99 ms', (rows) => three(rows, (row) => row.endToEndMs, 1)],
  ['peak RSS MiB', (rows) => round(rows, (row) => row.peakMiB)],
];

/** A Markdown table of medians, one row per shape and broker. */
export function comparison(measurements: readonly Measurement[], disk: readonly DiskCeiling[]): string {
  const header = ['shape', 'broker', 'runs', ...columns.map(([title]) => title)];
  const lines = [`| ${header.join(' | ')} |`, `|${header.map(() => '---').join('|')}|`];
  const groups = Map.groupBy(measurements, (row) => `${row.profile}, ${row.partitions} partitions|${row.subject}`);
  for (const [key, rows] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [shape, subject] = key.split('|');
    lines.push(`| ${[shape, subject, rows.length, ...columns.map(([, cell]) => cell(rows))].join(' | ')} |`);
  }
  const ceiling = median(disk.map((each) => each.mbPerSecond)).toFixed(0);
  const flush = median(disk.map((each) => each.flushMedianMs)).toFixed(1);
  const load = median(measurements.map((row) => row.load)).toFixed(1);
  lines.push('', `Disk: ${ceiling} MB/s in flushed 4 MiB writes, one after the other; median flush ${flush} ms.`);
  lines.push(`Median load of the machine at the end of a run: ${load}.`);
  return lines.join('\n');
}

function round(rows: readonly Measurement[], pick: (row: Measurement) => number, digits = 0): string {
  return median(rows.map(pick)).toFixed(digits);
}

function three(rows: readonly Measurement[], pick: (row: Measurement) => Percentiles, digits: number): string {
  const each = (name: keyof Percentiles) => median(rows.map((row) => pick(row)[name])).toFixed(digits);
  return `${each('p50')} / ${each('p95')} / ${each('p99')}`;
}
