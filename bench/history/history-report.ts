// Turns what the history benchmark measured into Markdown tables that can be compared from one sitting to the next.

import { median, type Percentiles } from '../perf-tools.ts';
import type { CatchUpRead, CatchUpResult } from './catch-up.ts';
import type { PutCounts } from './put-counts.ts';
import type { Interference } from './reader-interference.ts';
import type { SteadyState } from './steady-state.ts';

export interface HistoryResult {
  readonly catchUp?: CatchUpResult;
  readonly puts?: readonly PutCounts[];
  readonly steady?: readonly SteadyState[];
  readonly readers?: readonly Interference[];
}

export function historyTables({ catchUp, puts, steady, readers }: HistoryResult): string {
  return [
    ...(catchUp === undefined ? [] : catchUpTables(catchUp)),
    ...(puts === undefined ? [] : [putTable(puts)]),
    ...(steady === undefined ? [] : [steadyTable(steady)]),
    ...(readers === undefined ? [] : [readersTable(readers)]),
  ].join('\n\n');
}

function catchUpTables({ built, reads, diskReadMBps }: CatchUpResult): string[] {
  const groups = Map.groupBy(reads, (one) => `${shapeOf(one)}|${one.getLatencyMs}|${one.subject}`);
  const plain = (one: CatchUpRead): number =>
    median((groups.get(`${shapeOf(one)}|0|${one.subject}`) ?? []).map(({ mbPerSecond }) => mbPerSecond));
  const floor = (one: CatchUpRead): number | undefined =>
    built.find((shape) => shapeOf(shape) === shapeOf(one))?.getsPerGiBFloor;
  const rows = [...groups.values()].map((group) => {
    const first = group[0] as CatchUpRead;
    const over = (read: (one: CatchUpRead) => number | undefined) =>
      median(group.map((one) => read(one) ?? Number.NaN));
    const rate = over((one) => one.mbPerSecond);
    const late = first.getLatencyMs > 0;
    return [
      shapeOf(first),
      `${first.subject}${late ? `, each GET ${first.getLatencyMs} ms later` : ''}`,
      group.length,
      `${rate.toFixed(0)}${late ? ` (${((rate / plain(first)) * 100).toFixed(0)} %)` : ''}`,
      over((one) => one.cpuPerGiB).toFixed(2),
      over((one) => one.peakMiB).toFixed(0),
      number(
        over((one) => one.getsPerGiB),
        0,
      ),
      first.getsPerGiB === undefined ? '' : number(floor(first), 0),
      number(over((one) => one.bytesPerGet) / 1_048_576, 1),
      number(
        over((one) => one.fetchedRatio),
        3,
      ),
      group.every(({ cold }) => cold) ? 'dropped' : 'not dropped',
      over((one) => one.load).toFixed(1),
    ];
  });
  return [
    `Cold catch-up. The disk gives ${diskReadMBps.toFixed(0)} MB/s of files that are not in the page cache, 8 MiB at a time.\n\n${table(
      [
        'shape', 'broker', 'runs', 'MB/s', 'CPU s/GiB', 'peak RSS MiB', 'GETs/GiB', 'floor', 'MiB/GET', 'fetched/read',
        'page cache', 'load',
      ], // biome-ignore format: one list
      rows,
    )}`,
    `How that history was made, reconciling beside and after produce.\n\n${table(
      ['shape', 'produce MB/s', 'then all in L1 after s', 'CPU s/GiB of both', 'L1 objects', 'MiB each'],
      built.map((one) => [
        shapeOf(one),
        one.produceMBps.toFixed(0),
        one.reconcileSeconds.toFixed(1),
        one.cpuPerGiB.toFixed(1),
        one.l1Objects,
        (one.l1Bytes / one.l1Objects / 1_048_576).toFixed(1),
      ]),
    )}`,
  ];
}

function putTable(puts: readonly PutCounts[]): string {
  return `PUTs for a GiB of batches, seal interval 250 ms.\n\n${table(
    [
      'shape', 'store', 'L0 PUTs', 'floor', 'L1 parts', 'floor', 'begins and completions', 'domain PUTs', 'all writes, tries counted',
      'L0 objects read back', 'produce MB/s', 'produce p50/p95/p99 ms', 'CPU s/GiB',
    ], // biome-ignore format: one list
    puts.map((one) => [
      shapeOf(one),
      one.store,
      one.l0Puts.toFixed(0),
      one.l0Floor,
      one.l1Parts.toFixed(0),
      one.l1Floor,
      one.l1Frames.toFixed(0),
      one.domainPuts.toFixed(0),
      one.allWrites.toFixed(0),
      one.l0ReadBackPerGiB.toFixed(0),
      one.produceMBps.toFixed(0),
      three(one.produceLatencyMs, 0),
      one.cpuPerGiB.toFixed(1),
    ]),
  )}`;
}

function steadyTable(steady: readonly SteadyState[]): string {
  const minutes = ((steady[0]?.seconds ?? 0) / 60).toFixed(1);
  return `A steady load of ${steady[0]?.offeredMBps} MB/s for ${minutes} minutes, ${steady[0]?.partitions} partitions; of ours p50 / p95 / p99 over the seconds.\n\n${table(
    [
      'broker', 'carried MB/s', 'produce p50/p95/p99 ms', 'cores', 'CPU s/GiB', 'RSS MiB, by quarter', 'most', 'L0 backlog MiB',
      'its age ms', 'log entries', 'event-loop delay ms, p99 of each second (max)', 'L1 objects, MiB', 'load',
    ], // biome-ignore format: one list
    steady.map((one) => [
      one.subject,
      one.carriedMBps.toFixed(1),
      three(one.produceMs, 0),
      one.cores.toFixed(2),
      one.cpuPerGiB.toFixed(1),
      one.residentMiBByQuarter.map((value) => value.toFixed(0)).join(', '),
      one.residentMiBMax.toFixed(0),
      three(one.backlogMiB, 0),
      three(one.backlogMs, 0),
      three(one.logEntries, 0),
      one.loopDelayMs === undefined ? '' : `${three(one.loopDelayMs, 1)} (${one.loopDelayMs.max.toFixed(0)})`,
      one.l1ObjectMiB === undefined ? '' : `${one.l1ObjectMiB.count}: ${three(one.l1ObjectMiB, 0)}`,
      one.load.toFixed(1),
    ]),
  )}`;
}

function readersTable(readers: readonly Interference[]): string {
  return `Producers at ${readers[0]?.offeredMBps} MB/s, alone and beside readers of a cold topic, ${readers[0]?.partitions} partitions each.\n\n${table(
    [
      'broker',
      'readers',
      'carried MB/s',
      'produce p50/p95/p99 ms',
      'read MB/s',
      'cores',
      'page cache at the start',
      'load',
    ],
    readers.map((one) => [
      one.subject,
      one.readers,
      one.carriedMBps.toFixed(1),
      three(one.produceMs, 0),
      one.readMBps.toFixed(0),
      one.cores.toFixed(2),
      one.cold ? 'dropped' : 'not dropped',
      one.load.toFixed(1),
    ]),
  )}`;
}

const shapeOf = ({ profile, partitions }: { readonly profile: string; readonly partitions: number }): string =>
  `${profile}, ${partitions} partition${partitions === 1 ? '' : 's'}`;

function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [header, header.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const number = (value: number | undefined, digits: number): string =>
  value === undefined || Number.isNaN(value) ? '' : value.toFixed(digits);

const three = (of: Percentiles | undefined, digits: number): string =>
  of === undefined ? '' : [of.p50, of.p95, of.p99].map((value) => value.toFixed(digits)).join(' / ');
