// What readers of old data do to those who write: the same steady load alone, and then beside two readers that read a cold topic from
// its start, again and again. The readers are kcat: they take less of the two cores than Java would, so the broker shows.

import { type ChildProcess, spawn } from 'node:child_process';
import { createTopic } from '../../test/support/create-topic.ts';
import { endWithUs } from '../../test/support/server-process.ts';
import { mebibyte, type Percentiles, produce, recordBytes } from '../perf-tools.ts';
import { machineLoad } from '../process-usage.ts';
import {
  costed,
  type HistoryContext,
  type HistorySubject,
  recordsFor,
  refuseWhenDiskIsShort,
  restartCold,
  startSubject,
} from './subjects.ts';

export interface Interference {
  readonly subject: string;
  readonly partitions: number;
  readonly readers: number;
  readonly offeredMBps: number;
  readonly carriedMBps: number;
  readonly produceMs: Percentiles;
  /** Of all readers together. */
  readonly readMBps: number;
  readonly cores: number;
  readonly cold: boolean;
  readonly load: number;
}

const oldTopic = 'old';
const newTopic = 'new';
const warmUpSeconds = 5;
const readersWith = 2;

export async function readerInterference(context: HistoryContext): Promise<Interference[]> {
  const results: Interference[] = [];
  const profile = context.profiles[0] as HistoryContext['profiles'][number];
  const partitions = context.partitions.at(-1) as number;
  for (const name of context.subjects) {
    await refuseWhenDiskIsShort(
      context.directory,
      (context.mbPerSecond * context.readersSeconds) / 256 + context.gib * 2,
    );
    const subject = await startSubject(name, context);
    try {
      await createTopic(subject.bootstrap, oldTopic, partitions);
      await createTopic(subject.bootstrap, newTopic, partitions);
      await produce(subject.bootstrap, oldTopic, recordsFor(context.gib, profile), profile);
      await subject.engine?.reconcile(oldTopic);
      for (const readers of [0, readersWith]) {
        const one = await loadBeside(subject, readers, partitions, context);
        results.push(one);
        context.log(JSON.stringify(one));
      }
    } finally {
      await subject.end();
    }
  }
  return results;
}

async function loadBeside(
  subject: HistorySubject,
  readers: number,
  partitions: number,
  context: HistoryContext,
): Promise<Interference> {
  const { mbPerSecond, readersSeconds, profiles } = context;
  const profile = profiles[0] as HistoryContext['profiles'][number];
  const cold = await restartCold(subject);
  const perSecond = (mbPerSecond * mebibyte) / recordBytes;
  const reading = Array.from({ length: readers }, () => new RepeatedReader(subject.bootstrap));
  const { result, cpu } = await costed(subject, async () => {
    for (const reader of reading) reader.begin();
    try {
      return await produce(
        subject.bootstrap,
        newTopic,
        perSecond * readersSeconds,
        profile,
        perSecond,
        perSecond * Math.min(warmUpSeconds, readersSeconds / 2),
      );
    } finally {
      await Promise.all(reading.map((reader) => reader.end()));
    }
  });
  const bytes = reading.reduce((sum, reader) => sum + reader.bytes, 0);
  return {
    subject: subject.name,
    partitions,
    readers,
    offeredMBps: mbPerSecond,
    carriedMBps: result.mbPerSecond,
    produceMs: result.latencyMs,
    readMBps: bytes / mebibyte / result.seconds,
    cores: cpu / result.seconds,
    cold,
    load: await machineLoad(),
  };
}

/** Reads the old topic from its start to its end until it is told to stop; counts what it got. */
class RepeatedReader {
  readonly #bootstrap: string;
  #child: ChildProcess | undefined;
  #ending = false;
  #done: Promise<void> = Promise.resolve();
  bytes = 0;

  constructor(bootstrap: string) {
    this.#bootstrap = bootstrap;
  }

  begin(): void {
    this.#done = this.#keepReading();
  }

  async end(): Promise<void> {
    this.#ending = true;
    this.#child?.kill('SIGKILL');
    await this.#done;
  }

  async #keepReading(): Promise<void> {
    while (!this.#ending) {
      // One dot for each record tells how much came.
      const child = spawn(
        'kcat',
        ['-b', this.#bootstrap, '-C', '-t', oldTopic, '-o', 'beginning', '-e', '-q', '-f', '.'],
        {
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      endWithUs(child);
      this.#child = child;
      let complaint = '';
      child.stdout.on('data', (chunk: Buffer) => (this.bytes += chunk.length * recordBytes));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
      const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
      if (code !== 0 && !this.#ending) throw new Error(`kcat ended with ${code}\n${complaint}`);
    }
  }
}
