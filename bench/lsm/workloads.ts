// The workloads by db_bench's names: what is written and asked, drawn from a seed, the same for every store.

import { type Random, seededRandom } from '../../src/engine/base/random.ts';
import type { BenchRow, LsmSubject, Timing } from './subject.ts';

export interface Measured {
  readonly workload: string;
  readonly operations: number;
  readonly seconds: number;
  /** Of single operations (of whole batches and lists where those are what is done), microseconds. */
  readonly p50Us?: number;
  readonly p95Us?: number;
  readonly p99Us?: number;
}

export interface WorkloadSizes {
  readonly rows: number;
  readonly reads: number;
  readonly batch: number;
}

const valueBytes = 100;
export const benchKey = (number: number): string => String(number).padStart(16, '0');

/** Values as db_bench has them: half of their bytes compress away. */
class Values {
  readonly #pool: Buffer;
  #at = 0;

  constructor(random: Random) {
    const parts: Buffer[] = [];
    for (let at = 0; at < 1 << 20; at += valueBytes) {
      const half = random.bytes(valueBytes / 2);
      parts.push(half, half);
    }
    this.#pool = Buffer.concat(parts);
  }

  next(): Buffer {
    if (this.#at + valueBytes > this.#pool.length) this.#at = 0;
    const value = this.#pool.subarray(this.#at, this.#at + valueBytes);
    this.#at += valueBytes;
    return value;
  }
}

export async function* fills(subject: LsmSubject, sizes: WorkloadSizes, seed: number): AsyncGenerator<Measured> {
  const random = seededRandom(seed);
  const values = new Values(random);
  const drawn = () => Math.floor(random.fraction() * sizes.rows);
  let next = 0;
  yield await write('fillseq', subject, sizes, values, () => next++);
  yield await timedWhole('settle', 1, () => subject.settle());
  yield await write('overwrite', subject, sizes, values, drawn);
  yield await timedWhole('compact', 1, () => subject.compact());
}

export async function fillRandom(subject: LsmSubject, sizes: WorkloadSizes, seed: number): Promise<Measured> {
  const random = seededRandom(seed);
  return write('fillrandom', subject, sizes, new Values(random), () => Math.floor(random.fraction() * sizes.rows));
}

/** Batches of 1000, of 10 and of 1, each durable before the next is begun. */
export async function* fillDurably(
  subject: Pick<LsmSubject, 'write'>,
  sizes: WorkloadSizes,
  seed: number,
): AsyncGenerator<Measured> {
  const values = new Values(seededRandom(seed));
  let next = 0;
  for (const [batch, batches] of [
    [1000, 200],
    [10, 500],
    [1, 500],
  ] as const) {
    const some = { ...sizes, batch, rows: batch * batches };
    yield await write(`durable batches of ${batch}`, subject, some, values, () => next++);
  }
}

/** Every row is there by then. */
export async function* reads(
  subject: LsmSubject,
  sizes: WorkloadSizes,
  seed: number,
  label: string,
): AsyncGenerator<Measured> {
  const random = seededRandom(seed);
  const present = Array.from({ length: sizes.reads }, () => benchKey(Math.floor(random.fraction() * sizes.rows)));
  const missing = present.map((key) => `${key}.`);
  const named = (name: string) => `${name}${label}`;
  yield await read(named('readrandom'), present, 1, (timing) => subject.readRandom(present, timing), sizes.reads);
  yield await read(named('readmany'), present, 100, (timing) => subject.readMany(present, 100, timing), sizes.reads);
  yield await read(named('readmissing'), missing, 1, (timing) => subject.readRandom(missing, timing), 0);
  yield await read(named('seekrandom'), present, 1, (timing) => subject.seekRandom(present, timing), sizes.reads);
  yield await scan(named('readseq'), subject, sizes, false);
  yield await scan(named('readreverse'), subject, sizes, true);
}

async function write(
  workload: string,
  subject: Pick<LsmSubject, 'write'>,
  { rows, batch }: WorkloadSizes,
  values: Values,
  number: () => number,
): Promise<Measured> {
  const latenciesMs = new Float64Array(Math.ceil(rows / batch));
  let seconds = 0;
  for (let at = 0; at < latenciesMs.length; at++) {
    const numbers = new Set<number>();
    for (let count = 0; count < batch; count++) numbers.add(number());
    const some: BenchRow[] = Array.from(numbers, (one) => ({ key: benchKey(one), value: values.next() }));
    const began = performance.now();
    await subject.write(some);
    latenciesMs[at] = performance.now() - began;
    seconds += (latenciesMs[at] as number) / 1000;
  }
  return { workload, operations: rows, seconds, ...percentiles(latenciesMs) };
}

async function read(
  workload: string,
  keys: readonly string[],
  batch: number,
  run: (timing: Timing) => Promise<number>,
  expected: number,
): Promise<Measured> {
  const latenciesMs = new Float64Array(Math.ceil(keys.length / batch));
  const began = performance.now();
  const found = await run({ latenciesMs });
  const seconds = (performance.now() - began) / 1000;
  if (found !== expected) throw new Error(`${workload} found ${found} rows, not ${expected}`);
  return { workload, operations: keys.length, seconds, ...percentiles(latenciesMs) };
}

async function scan(
  workload: string,
  subject: LsmSubject,
  { rows }: WorkloadSizes,
  reverse: boolean,
): Promise<Measured> {
  const measured = await timedWhole(workload, rows, async () => {
    const seen = await subject.scan(reverse);
    if (seen !== rows) throw new Error(`${workload} saw ${seen} rows, not ${rows}`);
  });
  return measured;
}

async function timedWhole(workload: string, operations: number, run: () => Promise<void>): Promise<Measured> {
  const began = performance.now();
  await run();
  return { workload, operations, seconds: (performance.now() - began) / 1000 };
}

function percentiles(latenciesMs: Float64Array): Pick<Measured, 'p50Us' | 'p95Us' | 'p99Us'> {
  const sorted = latenciesMs.toSorted();
  const at = (share: number) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 1000;
  return { p50Us: at(0.5), p95Us: at(0.95), p99Us: at(0.99) };
}
