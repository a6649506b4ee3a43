// The measurements as a Markdown table: workloads down, stores across, medians over the rounds.

import { median } from '../perf-tools.ts';
import type { Measured } from './workloads.ts';

export interface LsmMeasurement extends Measured {
  readonly subject: string;
  /** Where the figure is not a rate. */
  readonly value?: number;
}

export function lsmComparison(measurements: readonly LsmMeasurement[], subjects: readonly string[]): string {
  const bySubject = Map.groupBy(measurements, (one) => one.subject);
  const workloads = [
    ...new Set(measurements.filter(({ subject }) => subjects.includes(subject)).map((one) => one.workload)),
  ];
  const lines = [row(['workload', ...subjects]), row(['---', ...subjects.map(() => '---')])];
  for (const workload of workloads) {
    const cells = subjects.map((subject) =>
      cell((bySubject.get(subject) ?? []).filter((one) => one.workload === workload)),
    );
    lines.push(row([workload, ...cells]));
  }
  const others = [...bySubject.keys()].filter((subject) => !subjects.includes(subject));
  for (const other of others) {
    lines.push('', row([other, '']), row(['---', '---']));
    const groups = Map.groupBy(bySubject.get(other) ?? [], (one) => one.workload);
    for (const [workload, some] of groups) lines.push(row([workload, cell(some)]));
  }
  return lines.join('\n');
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function cell(some: readonly LsmMeasurement[]): string {
  if (some.length === 0) return '–';
  if (some.some((one) => one.value !== undefined)) return median(some.map((one) => one.value ?? 0)).toFixed(0);
  if (some.every((one) => one.operations === 1))
    return `${(median(some.map((one) => one.seconds)) * 1000).toFixed(0)} ms`;
  const rate = median(some.map((one) => one.operations / one.seconds));
  const shown = rate >= 10_000 ? `${Math.round(rate / 1000)} k/s` : `${rate.toFixed(0)}/s`;
  if (some[0]?.p50Us === undefined) return shown;
  const three = (['p50Us', 'p95Us', 'p99Us'] as const).map((name) => micros(median(some.map((one) => one[name] ?? 0))));
  return `${shown} (${three.join(' / ')} µs)`;
}

const micros = (value: number): string => value.toFixed(value < 10 ? 1 : 0);
