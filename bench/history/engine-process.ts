// Our engine as the subject of the history benchmark: started by engine-child.ts, asked over its admin server.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { freePort, ServerProcess } from '../../test/support/server-process.ts';
import type { EngineChildOptions, EngineFacts } from './engine-options.ts';
import { type Metrics, parseMetrics } from './metrics-text.ts';

const script = fileURLToPath(new URL('./engine-child.ts', import.meta.url));

export interface EngineStart {
  readonly directory: string;
  /** A store URL; by default a directory beside the data. */
  readonly store?: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeFlags?: readonly string[];
}

export interface Backlog {
  readonly bytes: number;
  readonly ageMs: number;
  readonly logEntries: number;
}

export class EngineProcess implements AsyncDisposable {
  readonly name = 'cloudtopics';
  readonly bootstrap: string;
  readonly bucket: string;
  readonly #start: EngineStart;
  readonly #options: Omit<EngineChildOptions, 'getLatencyMs'>;
  #server: ServerProcess | undefined;

  private constructor(start: EngineStart, options: Omit<EngineChildOptions, 'getLatencyMs'>) {
    this.#start = start;
    this.#options = options;
    this.bootstrap = `127.0.0.1:${options.port}`;
    this.bucket = join(start.directory, 'bucket');
  }

  static async start(start: EngineStart): Promise<EngineProcess> {
    const bucket = join(start.directory, 'bucket');
    await mkdir(bucket, { recursive: true });
    const engine = new EngineProcess(start, {
      dataDirectory: join(start.directory, 'data'),
      storeUrl: start.store ?? pathToFileURL(bucket).href,
      port: await freePort(),
      adminPort: await freePort(),
      factsPort: await freePort(),
      settings: start.settings ?? {},
    });
    await engine.restart();
    return engine;
  }

  /** Starts it again on the same directory; it must not be running. */
  async restart(getLatencyMs = 0): Promise<void> {
    const options: EngineChildOptions = { ...this.#options, getLatencyMs };
    this.#server = await ServerProcess.start({
      name: 'cloudtopics',
      command: process.execPath,
      args: [...(this.#start.nodeFlags ?? []), script, JSON.stringify(options)],
      // As bin/run.js has it.
      env: { UV_THREADPOOL_SIZE: '16', ...this.#start.env },
      isReadyLine: (line) => line === 'ready',
      readyTimeoutMs: 60_000,
    });
  }

  get pid(): number {
    return (this.#server as ServerProcess).pid;
  }

  async stop(): Promise<void> {
    await this.#server?.stop(60_000);
  }

  output(): string {
    return this.#server?.output() ?? '';
  }

  async facts(): Promise<EngineFacts> {
    return (await (await fetch(`http://127.0.0.1:${this.#options.factsPort}/`)).json()) as EngineFacts;
  }

  async metrics(): Promise<Metrics> {
    return parseMetrics(await (await this.#admin('GET', '/v1/metrics')).text());
  }

  /** Has all that is pending of a topic reconciled, and waits for it. */
  async reconcile(topic: string): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      const answer = await this.#admin('POST', `/v1/reconcile/run?topic=${topic}&wait=true`);
      const { complete, partitions } = (await answer.json()) as {
        complete: boolean;
        partitions: { pendingOffsets: number; problem: string | null }[];
      };
      if (complete && partitions.every(({ pendingOffsets }) => pendingOffsets === 0)) return;
      const problem = partitions.find((one) => one.problem !== null)?.problem;
      if (problem !== undefined) throw new Error(`reconciling ${topic}: ${problem}`);
    }
    throw new Error(`${topic} does not get reconciled`);
  }

  async backlog(topic: string): Promise<Backlog> {
    const answer = await this.#admin('GET', `/v1/reconcile?topic=${topic}`);
    const { topics } = (await answer.json()) as {
      topics: { partitions: { pendingBytes: number; pendingAgeMs: number | null; logEntries: number }[] }[];
    };
    const partitions = topics.flatMap((one) => one.partitions);
    return {
      bytes: partitions.reduce((sum, { pendingBytes }) => sum + pendingBytes, 0),
      ageMs: partitions.reduce((most, { pendingAgeMs }) => Math.max(most, pendingAgeMs ?? 0), 0),
      logEntries: partitions.reduce((sum, { logEntries }) => sum + logEntries, 0),
    };
  }

  async #admin(method: 'GET' | 'POST', path: string): Promise<Response> {
    const url = `http://127.0.0.1:${this.#options.adminPort}${path}`;
    const answer = await fetch(url, { method, headers: { 'x-cloudtopics-admin': '1' } });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
