// Compares our broker with Apache Kafka on this machine, in one sitting, with Kafka's own perf tools.
//
//   node bench/run.ts [--rounds 5] [--only kafka|cloudtopics] [--profiles default,tuned] [--partitions 1,12]
//                     [--gib 1] [--directory .cache/bench] [--out bench/results]
//
// In every round each broker takes its turn on each shape (partitions × client profile), started with an empty
// directory, warmed up by an unmeasured run, measured, restarted, read again and wiped; odd rounds turn the order
// around. The table shows medians over the rounds. One broker runs at a time; nobody is pinned to a core.
// Kafka does not flush before it acknowledges, our broker does: the disk's own ceiling is measured beside.

import { execFile } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createTopic } from '../test/support/create-topic.ts';
import { checkout } from '../test/support/kafka-process.ts';
import { type DiskCeiling, diskCeiling } from './disk-ceiling.ts';
import { type ClientProfile, consume, endToEnd, mebibyte, produce, profiles, recordBytes } from './perf-tools.ts';
import { cpuSeconds, machineLoad, peakResidentMiB } from './process-usage.ts';
import { comparison, type Measurement } from './report.ts';
import { type Subject, type SubjectName, startSubject } from './subject.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    profiles: { type: 'string', default: 'default,tuned' },
    partitions: { type: 'string', default: '1,12' },
    gib: { type: 'string', default: '1' },
    'latency-records': { type: 'string', default: '3000' },
    directory: { type: 'string', default: join(checkout, '.cache/bench') },
    out: { type: 'string', default: join(checkout, 'bench/results') },
  },
});

const rounds = Number(values.rounds);
const dataGiB = Number(values.gib);
const records = Math.round((dataGiB * 1024 * mebibyte) / recordBytes);
const warmUpRecords = Math.round((192 * mebibyte) / recordBytes);
const workDirectory = resolve(values.directory);
const subjects: SubjectName[] = values.only === undefined ? ['kafka', 'cloudtopics'] : [values.only as SubjectName];
const shapes = values.partitions
  .split(',')
  .flatMap((partitions) =>
    values.profiles.split(',').map((profile) => ({ partitions: Number(partitions), profile: profiles[profile]! })),
  );

const measurements: Measurement[] = [];
const disk: DiskCeiling[] = [];
await rm(workDirectory, { recursive: true, force: true });
await mkdir(workDirectory, { recursive: true });
for (let round = 1; round <= rounds; round++) {
  disk.push(await diskCeiling(workDirectory));
  for (const { partitions, profile } of shapes) {
    for (const name of round % 2 === 1 ? subjects : subjects.toReversed()) {
      await refuseWhenDiskIsShort();
      const measured = await measure(name, partitions, profile, round);
      measurements.push(measured);
      process.stderr.write(`${JSON.stringify(measured)}\n`);
    }
  }
}
await rm(workDirectory, { recursive: true, force: true });

const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 1024 ** 3),
  kernel: release(),
  node: process.version,
};
const result = { at: new Date().toISOString(), machine, rounds, dataGiB, disk, measurements };
await mkdir(values.out, { recursive: true });
const file = join(values.out, `${result.at.replaceAll(':', '-')}.json`);
await writeFile(file, `${JSON.stringify(result, null, 1)}\n`);
console.log(comparison(measurements, disk));
console.log(`\nwritten to ${file}`);

async function measure(
  name: SubjectName,
  partitions: number,
  profile: ClientProfile,
  round: number,
): Promise<Measurement> {
  await promisify(execFile)('sync');
  const subject = await startSubject(name, workDirectory);
  try {
    await createTopic(subject.bootstrap, 'warm-up', partitions);
    await produce(subject.bootstrap, 'warm-up', warmUpRecords, profile);
    await consume(subject.bootstrap, 'warm-up', warmUpRecords, profile);
    await createTopic(subject.bootstrap, 'latency', 1);
    const latency = await endToEnd(subject.bootstrap, 'latency', Number(values['latency-records']));
    await createTopic(subject.bootstrap, 'measured', partitions);
    const produced = await costed(subject, () => produce(subject.bootstrap, 'measured', records, profile));
    const sent = Math.floor(records / profile.producers) * profile.producers;
    const tail = await costed(subject, () => consume(subject.bootstrap, 'measured', sent, profile));
    const peakMiB = await peakResidentMiB(subject.pid);
    await subject.stop();
    await subject.restart();
    const cold = await costed(subject, () => consume(subject.bootstrap, 'measured', sent, profile));
    return {
      subject: name,
      round,
      partitions,
      profile: profile.name,
      produceMBps: produced.result.mbPerSecond,
      produceCpuPerGiB: produced.cpu / dataGiB,
      produceLatencyMs: produced.result.latencyMs,
      fetchTailMBps: tail.result.mbPerSecond,
      fetchTailCpuPerGiB: tail.cpu / dataGiB,
      fetchRestartedMBps: cold.result.mbPerSecond,
      fetchRestartedCpuPerGiB: cold.cpu / dataGiB,
      singleProduceMs: latency.produceMs,
      endToEndMs: latency.endToEndMs,
      peakMiB,
      load: await machineLoad(),
    };
  } finally {
    await subject.stop();
    await rm(join(workDirectory, name), { recursive: true, force: true });
  }
}

async function costed<T>(subject: Subject, work: () => Promise<T>): Promise<{ result: T; cpu: number }> {
  const before = await cpuSeconds(subject.pid);
  const result = await work();
  return { result, cpu: (await cpuSeconds(subject.pid)) - before };
}

async function refuseWhenDiskIsShort(): Promise<void> {
  const { bavail, bsize } = await statfs(workDirectory);
  const wanted = (dataGiB * 4 + 2) * 1024 ** 3;
  if (bavail * bsize < wanted) throw new Error(`${workDirectory}: less than ${wanted} bytes free`);
}
