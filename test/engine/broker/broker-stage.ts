// A broker on a free port of the loopback, over fake partitions and a control state in a map; and clients to speak to it.

import { Registry } from 'prom-client';
import { afterEach, expect } from 'vitest';
import type { Clock } from '../../../src/engine/base/clock.ts';
import { systemClock } from '../../../src/engine/base/clock.ts';
import type { LogFields, Logger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { SlabPool } from '../../../src/engine/base/slab-pool.ts';
import {
  type AdministeredDomain,
  type Broker,
  type MaintenanceOperations,
  startBroker,
} from '../../../src/engine/broker/broker.ts';
import { BrokerConfig } from '../../../src/engine/cluster/broker-config.ts';
import { ControlState } from '../../../src/engine/cluster/control-state.ts';
import type { Coordinator } from '../../../src/engine/coordinator/coordinator.ts';
import { MapDomain } from '../cluster/map-domain.ts';
import { FakePartition } from './fake-partition.ts';
import { RawClient } from './raw-client.ts';

export interface StageOptions {
  readonly settings?: Readonly<Record<string, string>>;
  readonly slabBytes?: number;
  readonly slabBytesMax?: number;
  readonly clock?: Clock;
  readonly admin?: boolean;
  /** What the admin server shows beside the broker. */
  readonly domains?: readonly AdministeredDomain[];
  readonly maintenance?: MaintenanceOperations;
}

export class BrokerStage implements AsyncDisposable {
  readonly control: ControlState;
  readonly broker: Broker;
  readonly slabs: SlabPool;
  readonly domain: MapDomain;
  readonly log: { level: string; fields: LogFields; message: string }[];
  readonly registry: Registry;
  readonly #partitions: Map<string, FakePartition>;
  readonly #clients: RawClient[] = [];

  private constructor(
    parts: Pick<BrokerStage, 'control' | 'broker' | 'slabs' | 'domain' | 'log' | 'registry'>,
    partitions: Map<string, FakePartition>,
  ) {
    this.control = parts.control;
    this.broker = parts.broker;
    this.slabs = parts.slabs;
    this.domain = parts.domain;
    this.log = parts.log;
    this.registry = parts.registry;
    this.#partitions = partitions;
  }

  static async open(options: StageOptions = {}): Promise<BrokerStage> {
    const log: BrokerStage['log'] = [];
    const say = (level: string) => (fields: LogFields, message: string) => void log.push({ level, fields, message });
    const logger: Logger = { debug: () => {}, info: say('info'), warn: say('warn'), error: say('error') };
    const clock = options.clock ?? systemClock;
    const random = seededRandom(7);
    const config = new BrokerConfig(options.settings);
    const domain = new MapDomain();
    const control = await ControlState.open({ domain, config, clock, random, logger });
    const partitions = new Map<string, FakePartition>();
    control.onChange((change) => {
      if (change.kind !== 'partitions-created' && change.kind !== 'partitions-removed') return;
      for (const { index } of change.partitions) {
        const key = `${change.topic.id} ${index}`;
        if (change.kind === 'partitions-created') partitions.set(key, new FakePartition(change.topic.id, index));
        else {
          const gone = partitions.get(key);
          partitions.delete(key);
          gone?.close();
        }
      }
    });
    const registry = new Registry();
    const slabs = new SlabPool({ slabBytes: options.slabBytes ?? 4 << 20, bytesMax: options.slabBytesMax ?? 64 << 20 });
    const broker = await startBroker({
      listen: { host: '127.0.0.1', port: 0 },
      advertise: undefined,
      admin: options.admin ? { host: '127.0.0.1', port: 0 } : undefined,
      clusterId: 'the-cluster',
      storeLabel: 'memory:',
      control,
      config,
      partitions: { get: (id, index) => partitions.get(`${id} ${index}`) },
      coordinator: { stats: { groups: 0, members: 0, memberBytes: 0 } } as unknown as Coordinator,
      operations: {
        domains: options.domains ?? [],
        caches: () => ({ blocks: { bytes: 1, bytesMax: 2, hits: 3, misses: 4 }, disk: null }),
        maintenance: options.maintenance,
      },
      slabs,
      registry,
      clock,
      random,
      logger,
    });
    return new BrokerStage({ control, broker, slabs, domain, log, registry }, partitions);
  }

  /** Makes a topic and returns its partitions. */
  async topic(name: string, partitions = 1): Promise<FakePartition[]> {
    await this.control.createTopics([{ name, partitions, replicationFactor: 1, configs: new Map() }]);
    return Array.from({ length: partitions }, (_, index) => this.partition(name, index));
  }

  partition(name: string, index: number): FakePartition {
    const found = this.#partitions.get(`${this.idOf(name)} ${index}`);
    if (found === undefined) throw new Error(`no partition ${name}-${index}`);
    return found;
  }

  /** As while it is being opened. */
  unserve(name: string, index: number): void {
    this.#partitions.delete(`${this.idOf(name)} ${index}`);
  }

  idOf(name: string): string {
    return this.control.byName(name)?.id ?? 'no such topic';
  }

  async client(): Promise<RawClient> {
    const client = await RawClient.open(this.broker.kafkaAddress.port);
    this.#clients.push(client);
    return client;
  }

  /** What was logged as a bug. */
  get bugs(): unknown[] {
    return this.log.filter(({ level }) => level === 'error');
  }

  async metric(name: string): Promise<number> {
    const text = await this.registry.metrics();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
    return Number(line?.split(' ').at(-1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.broker.stop();
  }
}

/** Opens stages for the tests of one file. They are closed after each test, which must not have met a bug. */
export function stagesOfThisFile() {
  const stages: BrokerStage[] = [];
  afterEach(async () => {
    for (const stage of stages.splice(0)) {
      expect(stage.bugs).toEqual([]);
      await stage[Symbol.asyncDispose]();
    }
  });
  return async (options?: StageOptions) => {
    const stage = await BrokerStage.open(options);
    stages.push(stage);
    return { stage, client: await stage.client() };
  };
}
