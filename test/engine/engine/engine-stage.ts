// A whole engine in this process: real log, real file store in a scratch directory, real sockets. Between the engine and the
// store stand faults that a test can change at any time.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { systemClock } from '../../../src/engine/base/clock.ts';
import type { EngineError } from '../../../src/engine/base/errors.ts';
import { type LogFields, type Logger, silentLogger } from '../../../src/engine/base/logger.ts';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { type Engine, startEngine } from '../../../src/engine/engine.ts';
import type { Fault } from '../../../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../../../src/engine/store/faulty-store.ts';
import type { Body, ObjectStore, PutOptions } from '../../../src/engine/store/object-store.ts';
import { decorate, openStore } from '../../../src/engine/store/store.ts';
import { createTopics } from '../../../src/engine/wire/wire.ts';
import { type SalvagedBucket, salvageBucket } from '../../support/bucket-salvage.ts';
import { RawClient } from '../broker/raw-client.ts';

export interface StageStart {
  readonly settings?: Readonly<Record<string, string>>;
  readonly dataDirectory?: string;
  readonly admin?: boolean;
}

export const isL0 = (key: string): boolean => key.includes('/level_zero/');

export class EngineStage implements AsyncDisposable {
  readonly directory: string;
  readonly dataDirectory: string;
  readonly storeUrl: string;
  readonly fatal: EngineError[] = [];
  readonly log: { level: string; fields: LogFields; message: string }[] = [];
  /** Awaited before every PUT of an L0 object, outside the retries: what it throws is what the engine sees. */
  beforePut: (key: string) => Promise<void> | void = () => {};
  /** Likewise, for tables and manifests. */
  beforeDomainPut: (key: string) => Promise<void> | void = () => {};
  /** Faults below the retries, as a real store has them. */
  fault: (operation: string, key: string) => Fault | undefined = () => undefined;
  /** PUTs of L0 objects under way, and the most there were at a time. */
  putsInFlight = 0;
  putsInFlightMax = 0;
  readonly #clients: RawClient[] = [];
  readonly #engines: Engine[] = [];

  private constructor(directory: string) {
    this.directory = directory;
    this.dataDirectory = join(directory, 'data');
    this.storeUrl = pathToFileURL(join(directory, 'bucket')).href;
  }

  /** Makes the stage, in a directory of its own where none is given; nothing is started. */
  static async open(directory?: string): Promise<EngineStage> {
    return new EngineStage(directory ?? (await mkdtemp(join(tmpdir(), 'cloudtopics-engine-'))));
  }

  async start(options: StageStart = {}): Promise<Engine> {
    const say = (level: string) => (fields: LogFields, message: string) =>
      void this.log.push({ level, fields, message });
    const logger: Logger = { debug: () => {}, info: say('info'), warn: say('warn'), error: say('error') };
    const engine = await startEngine({
      dataDirectory: options.dataDirectory ?? this.dataDirectory,
      storeUrl: this.storeUrl,
      clusterName: 'default',
      listen: { host: '127.0.0.1', port: 0 },
      advertise: undefined,
      admin: options.admin === true ? { host: '127.0.0.1', port: 0 } : undefined,
      logger,
      settings: options.settings ?? {},
      onFatal: (error) => void this.fatal.push(error),
      overrides: { wrapStore: (store) => this.#wrap(store) },
    });
    this.#engines.push(engine);
    return engine;
  }

  get engine(): Engine {
    return this.#engines.at(-1) as Engine;
  }

  client(engine = this.engine): Promise<RawClient> {
    return this.clientAt(engine.kafkaAddress.port);
  }

  /** Of an engine in another process. */
  async clientAt(port: number): Promise<RawClient> {
    const client = await RawClient.open(port);
    this.#clients.push(client);
    return client;
  }

  /** Returns the topic's id. */
  async createTopic(
    name: string,
    numPartitions: number,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const client = await this.client();
    const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
    const topics = [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }];
    const { topics: created } = await client.call(createTopics, 7, { topics });
    if (created[0]?.errorCode !== 0) throw new Error(`the topic was not created: ${created[0]?.errorMessage}`);
    return created[0].topicId;
  }

  /** What the bucket alone says, read through a store of its own. */
  async salvage(): Promise<SalvagedBucket> {
    await using store = await this.bucket();
    return await salvageBucket(store);
  }

  bucket(): Promise<ObjectStore> {
    return openStore(this.storeUrl, { clock: systemClock, random: systemRandom, logger: silentLogger });
  }

  /** A metric's value, summed over its labels. */
  async metric(name: string): Promise<number> {
    const { host, port } = this.engine.adminAddress as { host: string; port: number };
    const text = await (await fetch(`http://${host}:${port}/v1/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    if (lines.length === 0) throw new Error(`there is no metric ${name}`);
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy();
    this.beforePut = () => {};
    this.beforeDomainPut = () => {};
    this.fault = () => undefined;
    for (const engine of this.#engines.toReversed()) await engine.stop();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  #wrap(store: ObjectStore): ObjectStore {
    const faulty = new FaultyStore(store, { next: (operation, key) => this.fault(operation, key) }, systemClock);
    const retrying = decorate(faulty, {
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      options: { retry: { backoffMsMin: 10, backoffMsMax: 100 } },
    });
    const plainPut = retrying.put.bind(retrying);
    const put = async (key: string, body: Body, options?: PutOptions) => {
      if (key.includes('/domain/')) await this.beforeDomainPut(key);
      if (!isL0(key)) return plainPut(key, body, options);
      this.putsInFlight++;
      this.putsInFlightMax = Math.max(this.putsInFlightMax, this.putsInFlight);
      try {
        await this.beforePut(key);
        return await plainPut(key, body, options);
      } finally {
        this.putsInFlight--;
      }
    };
    return Object.assign(retrying, { put });
  }
}

/** Resolves when `holds` does; asked again after every few milliseconds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, limitMs = 10_000): Promise<void> {
  for (const end = Date.now() + limitMs; !(await holds()); ) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
