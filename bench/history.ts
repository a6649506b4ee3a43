// What history costs: reading it back, making it, and what both do to producers. Beside Apache Kafka on this machine, in one sitting.
//
//   npm run bench:history -- [--only catch-up,late-gets,puts,steady,readers] [--gib 2] [--partitions 1,12] [--profiles tuned]
//                            [--reads 3] [--get-ms 30] [--rate 30] [--steady-seconds 600] [--readers-seconds 60]
//                            [--subjects kafka,cloudtopics] [--directory .cache/bench-history] [--out bench/results]
//
//   catch-up   a broker that was just started reads --gib GiB of L1, its files taken out of the page cache; --reads times, in turns
//   late-gets  the same with --get-ms waited before every GET of the store
//   puts       calls to the store for a GiB written, with the seal interval of S3, on a directory and on a real S3 server
//   steady     --rate MB/s for --steady-seconds: CPU, memory, backlog, log entries, event-loop delay
//   readers    the same load alone and beside two readers of cold history
//
// One broker runs at a time; nobody is pinned to a core. MB is 1,048,576 bytes, as Kafka's tools count.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checkout } from '../test/support/kafka-process.ts';
import { type DiskCeiling, diskCeiling } from './disk-ceiling.ts';
import { catchUp } from './history/catch-up.ts';
import { type HistoryResult, historyTables } from './history/history-report.ts';
import { putCounts } from './history/put-counts.ts';
import { readerInterference } from './history/reader-interference.ts';
import { steadyState } from './history/steady-state.ts';
import type { HistoryContext } from './history/subjects.ts';
import { profiles } from './perf-tools.ts';
import { machineLoad } from './process-usage.ts';
import type { SubjectName } from './subject.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'catch-up,late-gets,puts,steady,readers' },
    gib: { type: 'string', default: '2' },
    partitions: { type: 'string', default: '1,12' },
    profiles: { type: 'string', default: 'tuned' },
    reads: { type: 'string', default: '3' },
    'get-ms': { type: 'string', default: '30' },
    rate: { type: 'string', default: '30' },
    'steady-seconds': { type: 'string', default: '600' },
    'readers-seconds': { type: 'string', default: '60' },
    subjects: { type: 'string', default: 'kafka,cloudtopics' },
    directory: { type: 'string', default: join(checkout, '.cache/bench-history') },
    out: { type: 'string', default: join(checkout, 'bench/results') },
  },
});

const only = new Set(values.only.split(','));
const context: HistoryContext = {
  directory: resolve(values.directory),
  subjects: values.subjects.split(',') as SubjectName[],
  gib: Number(values.gib),
  partitions: values.partitions.split(',').map(Number),
  profiles: values.profiles.split(',').map((name) => {
    const profile = profiles[name];
    if (profile === undefined) throw new Error(`${name} is no profile; there are ${Object.keys(profiles).join(', ')}`);
    return profile;
  }),
  reads: Number(values.reads),
  latencyMs: Number(values['get-ms']),
  mbPerSecond: Number(values.rate),
  steadySeconds: Number(values['steady-seconds']),
  readersSeconds: Number(values['readers-seconds']),
  log: (line) => process.stderr.write(`${line}\n`),
};

await rm(context.directory, { recursive: true, force: true });
await mkdir(context.directory, { recursive: true });
const loadBefore = await machineLoad();
const disk: DiskCeiling = await diskCeiling(context.directory);
const wantsReads = only.has('catch-up') || only.has('late-gets');
const result: HistoryResult = {
  ...(wantsReads ? { catchUp: await catchUp(context, only.has('late-gets')) } : {}),
  ...(only.has('puts') ? { puts: await putCounts(context) } : {}),
  ...(only.has('steady') ? { steady: await steadyState(context) } : {}),
  ...(only.has('readers') ? { readers: await readerInterference(context) } : {}),
};
await rm(context.directory, { recursive: true, force: true });

const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 1024 ** 3),
  kernel: release(),
  node: process.version,
};
const { directory: _, log: __, ...conditions } = context;
const at = new Date().toISOString();
await mkdir(values.out, { recursive: true });
const file = join(values.out, `history-${at.replaceAll(':', '-')}.json`);
await writeFile(file, `${JSON.stringify({ at, machine, conditions, loadBefore, disk, ...result }, null, 1)}\n`);
console.log(
  `${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node ${machine.node}; load before: ${loadBefore}; ` +
    `disk ${disk.mbPerSecond.toFixed(0)} MB/s in flushed 4 MiB writes, ${disk.flushMedianMs.toFixed(1)} ms a flush\n`,
);
console.log(historyTables(result));
console.log(`\nwritten to ${file}`);
