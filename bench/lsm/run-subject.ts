// One store, one process, one pass over all workloads: prints a line of JSON for each. Started by bench/lsm.ts.
//
//   node bench/lsm/run-subject.ts NAME DIRECTORY ROWS READS SEED

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { peakResidentMiB } from '../process-usage.ts';
import { openClassicLevel } from './classic-level-subject.ts';
import { openCloudtopics } from './cloudtopics-subject.ts';
import { logAlone } from './log-alone.ts';
import { openSlateDb } from './slatedb-subject.ts';
import type { LsmSubject, SubjectOptions } from './subject.ts';
import { fillDurably, fillRandom, fills, reads, type WorkloadSizes } from './workloads.ts';

const subjects: Readonly<Record<string, (options: SubjectOptions) => Promise<LsmSubject>>> = {
  'classic-level': openClassicLevel,
  cloudtopics: openCloudtopics,
  slatedb: openSlateDb,
};

const [name = '', directory = '', rows = '', readCount = '', seed = ''] = process.argv.slice(2);
const open = subjects[name];
if (open === undefined) throw new Error(`no such store: ${name}`);
const sizes: WorkloadSizes = { rows: Number(rows), reads: Number(readCount), batch: 1000 };
const cacheBytes = 256 * 1024 * 1024;
const print = (measured: object) => process.stdout.write(`${JSON.stringify({ subject: name, ...measured })}\n`);

async function within(folder: string, durable: boolean, run: (subject: LsmSubject) => Promise<void>): Promise<void> {
  const place = join(directory, folder);
  await mkdir(place, { recursive: true });
  const subject = await (open as NonNullable<typeof open>)({ directory: place, cacheBytes, durable });
  await run(subject);
  await subject.close();
}

await within('durable', true, async (subject) => {
  for await (const measured of fillDurably(subject, sizes, Number(seed))) print(measured);
});
if (name === 'cloudtopics') for await (const measured of logAlone(directory, sizes, Number(seed))) print(measured);
await within('random', false, async (subject) => {
  print(await fillRandom(subject, sizes, Number(seed)));
});
await within('main', false, async (subject) => {
  for await (const measured of fills(subject, sizes, Number(seed))) print(measured);
  // The first pass fills the caches.
  for await (const _ of reads(subject, sizes, Number(seed) + 1, ''));
  for await (const measured of reads(subject, sizes, Number(seed) + 2, '')) print(measured);
  print({ workload: 'open', operations: 1, seconds: (await subject.reopen()) / 1000 });
  for await (const measured of reads(subject, sizes, Number(seed) + 3, ', just opened')) print(measured);
});
print({ workload: 'peak RSS MiB', operations: 1, seconds: 0, value: await peakResidentMiB(process.pid) });
process.exit(0);
