// A CPU profile of the broker under the tuned load.
//
//   node bench/profile.ts [--partitions 12] [--gib 1] [--fetch] [--history] [--out bench/results]
//
// Starts the broker with node's inspector-free profiler (--cpu-prof), warms it up, produces (and fetches) and stops
// it; the profile opens in Chrome's developer tools, and the functions with the most time of their own are printed.
// With --history nothing is reconciled at first: a second process reads all of L0 back and makes L1 of it, a third is read from.

import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BrokerProcess } from '../test/support/broker-process.ts';
import { createTopic } from '../test/support/create-topic.ts';
import { checkout } from '../test/support/kafka-process.ts';
import { consume, mebibyte, produce, profiles, recordBytes } from './perf-tools.ts';
import { cpuSeconds } from './process-usage.ts';

const { values } = parseArgs({
  options: {
    partitions: { type: 'string', default: '12' },
    gib: { type: 'string', default: '1' },
    fetch: { type: 'boolean', default: false },
    history: { type: 'boolean', default: false },
    out: { type: 'string', default: join(checkout, 'bench/results') },
  },
});

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const out = resolve(values.out, `profile-${Date.now()}`);
await mkdir(out, { recursive: true });
await mkdir(join(checkout, '.cache'), { recursive: true });
const directory = await mkdtemp(join(checkout, '.cache/profile-'));
try {
  const broker = await BrokerProcess.start({
    directory,
    flags: values.history ? ['--set', 'cloudtopics.reconcile.enable=false'] : [],
    nodeFlags: ['--cpu-prof', `--cpu-prof-dir=${out}`, '--cpu-prof-interval=500'],
  });
  const records = Math.round((Number(values.gib) * 1024 * mebibyte) / recordBytes);
  const tuned = profiles['tuned']!;
  await createTopic(broker.bootstrap, 'profiled', Number(values.partitions));
  const before = await cpuSeconds(broker.pid);
  const produced = await produce(broker.bootstrap, 'profiled', records, tuned);
  console.log(`produce ${produced.mbPerSecond.toFixed(0)} MB/s`);
  if (values.fetch) {
    const fetched = await consume(broker.bootstrap, 'profiled', Math.floor(records / 4) * 4, tuned);
    console.log(`fetch ${fetched.mbPerSecond.toFixed(0)} MB/s`);
  }
  console.log(`${((await cpuSeconds(broker.pid)) - before).toFixed(1)} CPU seconds`);
  await broker.stop();
  if (values.history) {
    await inNewProcess(broker, 'reconcile', async () => {
      const headers = { 'x-cloudtopics-admin': '1' };
      for (let isComplete = false; !isComplete; ) {
        const answer = await fetch(`${broker.admin}/v1/reconcile/run?wait=true`, { method: 'POST', headers });
        isComplete = ((await answer.json()) as { complete: boolean }).complete;
      }
    });
    await inNewProcess(broker, 'read', async () => {
      await consume(broker.bootstrap, 'profiled', Math.floor(records / 4) * 4, tuned);
    });
  }
  // By process, in the order in which they ran: the names begin with the time.
  for (const name of (await readdir(out)).sort()) await printHottest(join(out, name));
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function inNewProcess(broker: BrokerProcess, what: string, work: () => Promise<void>): Promise<void> {
  await broker.restart();
  const before = await cpuSeconds(broker.pid);
  const began = performance.now();
  await work();
  const mbPerSecond = (Number(values.gib) * 1024) / ((performance.now() - began) / 1000);
  const cpu = (await cpuSeconds(broker.pid)) - before;
  console.log(`${what}: ${mbPerSecond.toFixed(0)} MB/s, ${cpu.toFixed(1)} CPU seconds`);
  await broker.stop();
}

async function printHottest(file: string): Promise<void> {
  const profile = JSON.parse(await readFile(file, 'utf8')) as CpuProfile;
  const nameOf = new Map(
    profile.nodes.map(({ id, callFrame }) => {
      const place = callFrame.url.replace(/^.*\/(src|node_modules)\//, '$1/');
      return [id, `${callFrame.functionName || '(anonymous)'} ${place}:${callFrame.lineNumber + 1}`];
    }),
  );
  const microseconds = new Map<string, number>();
  profile.samples.forEach((id, index) => {
    const name = nameOf.get(id) ?? '?';
    microseconds.set(name, (microseconds.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0));
  });
  const idle = [...microseconds].filter(([name]) => name.startsWith('(idle)')).reduce((sum, [, time]) => sum + time, 0);
  const total = [...microseconds.values()].reduce((sum, time) => sum + time, 0) - idle;
  console.log(`\n${file}: ${(total / 1e6).toFixed(1)} s busy on the main thread`);
  const busiest = [...microseconds].filter(([name]) => !name.startsWith('(idle)')).sort(([, a], [, b]) => b - a);
  for (const [name, time] of busiest.slice(0, 30)) {
    console.log(`${((time / total) * 100).toFixed(1).padStart(6)} %  ${name}`);
  }
}
