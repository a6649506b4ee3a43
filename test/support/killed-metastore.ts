// A metastore in a child process (metastore-child.ts) that is given orders, killed, and started again on the same log and bucket.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { defaultLsmRules, type LsmRules } from '../../src/engine/lsm/lsm.ts';
import type { MetastoreOrder, OrderAnswer } from './metastore-orders.ts';
import { endWithUs } from './server-process.ts';

export const killedClusterId = '6b111ed0-0000-4000-8000-000000000001';
export const metastoreDomainNames = ['metastore/0', 'metastore/1'];

/** Every few requests make a table, every few tables a merge, down several levels. */
export const busyRules: LsmRules = {
  ...defaultLsmRules,
  memtableBytesMax: 6_000,
  blockBytes: 512,
  restartInterval: 4,
  tableBytes: 4_000,
  level0Trigger: 2,
  level0Slowdown: 30,
  level0Stop: 40,
  level1Bytes: 8_000,
  levelRatio: 2,
  levels: 5,
  grandparentOverlapTables: 2,
};

const childScript = fileURLToPath(new URL('metastore-child.ts', import.meta.url));
const startTimeoutMs = 30_000;

export class KilledMetastore implements AsyncDisposable {
  readonly storeUrl: string;
  readonly #directory: string;
  readonly #waiting = new Map<number, PromiseWithResolvers<OrderAnswer>>();
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #orders = 0;
  #complaints = '';

  private constructor(directory: string) {
    this.#directory = directory;
    this.storeUrl = pathToFileURL(join(directory, 'bucket')).href;
  }

  /** Nothing runs yet. */
  static async in(directory: string): Promise<KilledMetastore> {
    await mkdir(join(directory, 'bucket'), { recursive: true });
    return new KilledMetastore(directory);
  }

  /** Resolves when it takes orders. With `killAfterMs` it may be killed before: false then. */
  async start(killAfterMs?: number): Promise<boolean> {
    const args = [childScript, this.#directory, this.storeUrl];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    endWithUs(child);
    this.#child = child;
    this.#complaints = '';
    const gone = Promise.withResolvers<void>();
    const ready = Promise.withResolvers<boolean>();
    this.#gone = gone.promise;
    let left = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (left + text).split('\n');
      left = lines.pop() as string;
      for (const line of lines) {
        if (line === 'ready') ready.resolve(true);
        else this.#answered(JSON.parse(line) as OrderAnswer);
      }
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-4000);
    });
    // An order may be on its way when it dies.
    child.stdin.on('error', () => {});
    // Comes when everything it has said was read.
    child.once('close', (_code, signal) => {
      gone.resolve();
      if (signal === 'SIGKILL') ready.resolve(false);
      else ready.reject(this.#endedByItself());
      const waiting = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const one of waiting) one.reject(signal === 'SIGKILL' ? new MetastoreKilled() : this.#endedByItself());
    });
    const timers = [setTimeout(() => child.kill('SIGKILL'), startTimeoutMs)];
    if (killAfterMs !== undefined) timers.push(setTimeout(() => child.kill('SIGKILL'), killAfterMs));
    const isReady = await ready.promise;
    for (const timer of timers) clearTimeout(timer);
    if (!isReady && killAfterMs === undefined) throw new Error(`it did not start in time: ${this.#complaints}`);
    return isReady;
  }

  /** Rejects with `MetastoreKilled` where it is killed before it has answered. */
  order(order: MetastoreOrder): Promise<OrderAnswer> {
    const id = ++this.#orders;
    const waiting = Promise.withResolvers<OrderAnswer>();
    this.#waiting.set(id, waiting);
    this.#child?.stdin?.write(`${JSON.stringify({ id, order })}\n`);
    return waiting.promise;
  }

  /** What is not expected to be refused. */
  async ask<Answer>(order: MetastoreOrder): Promise<Answer> {
    const answer = await this.order(order);
    if ('code' in answer) throw new Error(`${order.kind} was refused: ${answer.code}, ${answer.message}`);
    return answer.answer as Answer;
  }

  /** Resolves when it is gone, and everything it has answered was heard. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#gone;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #answered(answer: OrderAnswer): void {
    this.#waiting.get(answer.id)?.resolve(answer);
    this.#waiting.delete(answer.id);
  }

  #endedByItself(): Error {
    return new Error(`the metastore's process ended by itself: ${this.#complaints}`);
  }
}

export class MetastoreKilled extends Error {
  constructor() {
    super('killed before it answered');
  }
}
