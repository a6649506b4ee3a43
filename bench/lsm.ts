// Compares our LSM store with LevelDB (classic-level, C++) and SlateDB (Rust), on this machine, in one sitting.
//
//   npm run bench:lsm -- [--rounds 3] [--rows 1000000] [--reads 200000] [--only cloudtopics,classic-level,slatedb]
//                        [--slatedb-rounds 1] [--directory .cache/bench-lsm] [--out bench/results]
//
// Keys of 16 bytes, values of 100 of which half compresses away, 256 MiB of block cache each. Every store runs in a process of its
// own, one at a time, in turning order; the table shows medians over the rounds. "Just opened" means that the caches of the
// process are empty; local files are there. What a store behind a slow bucket costs is a section of its own (ours alone: the others
// have no place to put a delay).

import { spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type LsmMeasurement, lsmComparison } from './lsm/lsm-report.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    rows: { type: 'string', default: '1000000' },
    reads: { type: 'string', default: '200000' },
    only: { type: 'string', default: 'cloudtopics,classic-level,slatedb' },
    'slatedb-rounds': { type: 'string', default: '1' },
    directory: { type: 'string', default: join(import.meta.dirname, '../.cache/bench-lsm') },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
});

const names = values.only.split(',');
const measurements: LsmMeasurement[] = [];

for (let round = 1; round <= Number(values.rounds); round++) {
  for (const name of round % 2 === 1 ? names : names.toReversed()) {
    if (name === 'slatedb' && round > Number(values['slatedb-rounds'])) continue;
    const directory = resolve(values.directory, name);
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    // Its binding answers some thousand look-ups a second: a tenth of them tells as much.
    const reads = Number(values.reads) / (name === 'slatedb' ? 10 : 1);
    await run('run-subject.ts', [name, directory, values.rows, String(reads), String(round)]);
    if (name === 'cloudtopics') await run('run-slow-bucket.ts', [directory, values.rows, String(round)]);
    await rm(directory, { recursive: true, force: true });
  }
}

const table = lsmComparison(measurements, names);
const machine = `${cpus().length} cores (${cpus()[0]?.model}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`;
await mkdir(values.out, { recursive: true });
await writeFile(
  join(values.out, 'lsm.json'),
  `${JSON.stringify({ machine, values: { ...values, directory: undefined, out: undefined }, measurements })}\n`,
);
process.stdout.write(`${machine}\n\n${table}\n`);

/** Runs one child and collects what it prints. */
async function run(script: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'lsm', script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((done) => child.on('exit', done));
  for await (const line of createInterface({ input: child.stdout })) {
    measurements.push(JSON.parse(line) as LsmMeasurement);
    process.stderr.write(`${line}\n`);
  }
  if ((await ended) !== 0) throw new Error(`${script} ${args[0]} failed`);
}
