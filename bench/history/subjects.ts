// The brokers of the history benchmark behind one face, and what every section of it shares.

import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { KafkaProcess } from '../../test/support/kafka-process.ts';
import { type ClientProfile, mebibyte, recordBytes } from '../perf-tools.ts';
import { cpuSeconds } from '../process-usage.ts';
import type { SubjectName } from '../subject.ts';
import { EngineProcess, type EngineStart } from './engine-process.ts';
import { dropFromPageCache } from './page-cache.ts';

export interface HistoryContext {
  readonly directory: string;
  readonly subjects: readonly SubjectName[];
  readonly gib: number;
  readonly partitions: readonly number[];
  readonly profiles: readonly ClientProfile[];
  readonly reads: number;
  readonly latencyMs: number;
  readonly mbPerSecond: number;
  readonly steadySeconds: number;
  readonly readersSeconds: number;
  readonly log: (line: string) => void;
}

/** Started with an empty directory of its own. */
export interface HistorySubject {
  readonly name: SubjectName;
  readonly bootstrap: string;
  readonly pid: number;
  /** Undefined for Kafka. */
  readonly engine: EngineProcess | undefined;
  /** What it reads history from. */
  readonly dataDirectory: string;
  restart(getLatencyMs?: number): Promise<void>;
  stop(): Promise<void>;
  /** Stops it and removes what it wrote. */
  end(): Promise<void>;
}

export async function startSubject(
  name: SubjectName,
  context: HistoryContext,
  start: Partial<EngineStart> = {},
): Promise<HistorySubject> {
  const directory = join(context.directory, name);
  await rm(directory, { recursive: true, force: true });
  const engine = name === 'cloudtopics' ? await EngineProcess.start({ ...start, directory }) : undefined;
  const kafka = engine === undefined ? await KafkaProcess.start({ directory }) : undefined;
  const process = (engine ?? kafka) as EngineProcess | KafkaProcess;
  return {
    name,
    bootstrap: process.bootstrap,
    engine,
    dataDirectory: engine === undefined ? join(directory, 'kraft') : engine.bucket,
    get pid() {
      return process.pid;
    },
    restart: (getLatencyMs = 0) => (engine === undefined ? process.restart() : engine.restart(getLatencyMs)),
    stop: () => process.stop(),
    async end() {
      await process.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Stops the broker, takes its data out of the page cache and starts it again. False where pages stayed. */
export async function restartCold(subject: HistorySubject, getLatencyMs = 0): Promise<boolean> {
  await subject.stop();
  const { fileBytes, leftBytes } = await dropFromPageCache(subject.dataDirectory);
  await subject.restart(getLatencyMs);
  return leftBytes !== undefined && leftBytes < fileBytes / 100;
}

export async function costed<T>(subject: HistorySubject, work: () => Promise<T>): Promise<{ result: T; cpu: number }> {
  const before = await cpuSeconds(subject.pid);
  const result = await work();
  return { result, cpu: (await cpuSeconds(subject.pid)) - before };
}

/** How many records of the benchmark's size make so many GiB, in equal shares of all producers. */
export function recordsFor(gib: number, { producers }: ClientProfile): number {
  return Math.floor((gib * 1024 * mebibyte) / recordBytes / producers) * producers;
}

export async function refuseWhenDiskIsShort(directory: string, gib: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const wanted = (gib + 2) * 1024 ** 3;
  if (bavail * bsize < wanted) throw new Error(`${directory}: less than ${(wanted / 1024 ** 3).toFixed(1)} GiB free`);
}
