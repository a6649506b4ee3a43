// The composition root: builds the engine from its parts, and takes it down in the opposite order.
//
// Start: data directory lock → store → log → ownership of the bucket → the control domain and its state, which says how many other
// domains there are → those, together → partitions → groups → broker.
// A broker that is told of a lost ownership, or whose log cannot flush any more, reports it once and takes nothing more.
// Stop: no new requests → what is staged is uploaded and committed → snapshots → domains are flushed, for a bounded time → the log.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { type Clock, systemClock } from './base/clock.ts';
import { type EngineError, toEngineError } from './base/errors.ts';
import type { Logger } from './base/logger.ts';
import { type Random, systemRandom } from './base/random.ts';
import { SlabPool } from './base/slab-pool.ts';
import { type Broker, startBroker } from './broker/broker.ts';
import { BrokerConfig } from './cluster/broker-config.ts';
import { ClusterEpochLoop } from './cluster/cluster-epoch-loop.ts';
import type { ControlState } from './cluster/control-state.ts';
import { takeOwnership } from './cluster/ownership.ts';
import { OwnershipLoop } from './cluster/ownership-loop.ts';
import { openClusterDomains } from './cluster-domains.ts';
import { compactOperations } from './compact-operations.ts';
import type { Compactor } from './compactor/compactor.ts';
import { type Coordinator, openCoordinator } from './coordinator/coordinator.ts';
import { showDomainMetrics } from './domain-metrics.ts';
import { domainOperations } from './domain-operations.ts';
import { groupConfigFrom } from './group-settings.ts';
import { showHistoryMetrics } from './history-metrics.ts';
import { automaticInterval, defaultSealRules, L0Reader, L0Writer } from './l0/l0.ts';
import { LedPartitions } from './led-partitions.ts';
import { openMetastore } from './metastore/metastore.ts';
import { MetastorePurgeLoop, removalFrom } from './metastore-purge-loop.ts';
import { openCompactor } from './open-compactor.ts';
import { type DomainServices, type OpenDomain, OpenDomains } from './open-domains.ts';
import { type OpenHistory, openHistory } from './open-history.ts';
import { openReconciler } from './open-reconciler.ts';
import { Committer } from './partition/committer.ts';
import type { PartitionName } from './partition/partition.ts';
import { Partitions } from './partition/partitions.ts';
import { prometheusStoreMetrics } from './prometheus-store-metrics.ts';
import { showReconcileMetrics } from './reconcile-metrics.ts';
import { reconcileOperations } from './reconcile-operations.ts';
import { lockDataDirectory } from './replicated-log/data-directory-lock.ts';
import { openEmbeddedLog } from './replicated-log/embedded-log.ts';
import type { ObjectStore } from './store/object-store.ts';
import { openStore } from './store/store.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface EngineOptions {
  readonly dataDirectory: string;
  readonly storeUrl: string;
  readonly clusterName: string;
  /** Port 0 for any free one. */
  readonly listen: Address;
  /** What clients are told to connect to; where the broker listens, when not given. */
  readonly advertise: Address | undefined;
  /** No admin server when undefined. */
  readonly admin: Address | undefined;
  readonly logger: Logger;
  /** Broker settings by name, from file and flags. */
  readonly settings: Readonly<Record<string, string>>;
  /** The engine cannot go on; called once. The process should end with the error's exit status. */
  readonly onFatal: (error: EngineError) => void;
  /** For tests and benchmarks. */
  readonly overrides?: {
    readonly wrapStore?: (store: ObjectStore) => ObjectStore;
    readonly clock?: Clock;
    readonly random?: Random;
    /** Called at every named step of the work on history, before it goes on. */
    readonly step?: (name: string) => Promise<void> | void;
  };
}

export interface Engine extends AsyncDisposable {
  readonly clusterId: string;
  readonly kafkaAddress: Address;
  readonly adminAddress: Address | undefined;
  /** Orderly: what was accepted is finished first. */
  stop(): Promise<void>;
}

const l0PutsMax = 64;
const recentExtentsMax = 400_000;
const producersPerPartitionMax = 10_000;

export function startEngine(options: EngineOptions): Promise<Engine> {
  return awake(build(options));
}

/**
 * Timers of the engine do not keep the process alive, and before it listens nothing else may: without this a start that waits
 * for the store's next answer would end the process, with status 0 and without a word. Likewise while it stops.
 */
async function awake<T>(work: Promise<T>): Promise<T> {
  const holding = setInterval(() => {}, 60_000);
  try {
    return await work;
  } finally {
    clearInterval(holding);
  }
}

async function build(options: EngineOptions): Promise<Engine> {
  const { logger } = options;
  const clock = options.overrides?.clock ?? systemClock;
  const random = options.overrides?.random ?? systemRandom;
  const config = new BrokerConfig(options.settings);
  const fatal = onlyOnce(options.onFatal);
  await using parts = new AsyncDisposableStack();

  await mkdir(options.dataDirectory, { recursive: true });
  parts.use(await lockDataDirectory(options.dataDirectory, clock));
  const registry = new Registry();
  const opened = await openStore(options.storeUrl, {
    clock,
    random,
    logger,
    metrics: prometheusStoreMetrics(registry),
  });
  const store = parts.use(options.overrides?.wrapStore?.(opened) ?? opened);
  const log = parts.use(
    await openEmbeddedLog({
      directory: join(options.dataDirectory, 'log'),
      mapBytesMax: config.number('cloudtopics.log.bytes.max'),
      random,
      onFatal: (error) => fatal(toEngineError(error)),
    }),
  );
  const ownership = await takeOwnership({
    store,
    log,
    cluster: options.clusterName,
    leaseMs: config.number('cloudtopics.lease.ms'),
    strict: config.flag('cloudtopics.lease.strict'),
    clock,
    random,
    logger,
  });
  ownership.onLost(fatal);
  parts.use(new OwnershipLoop({ ownership, clock, logger }));

  const services = { dataDirectory: options.dataDirectory, store, log, ownership, config, clock, random, logger };
  const domains = parts.use(await OpenDomains.prepare(services));
  const { control, groups, metastore: metastoreDomains } = await openClusterDomains(domains, services);
  showDomainMetrics(registry, domains, clock);
  const metastore = parts.use(openMetastore({ ...services, domains: metastoreDomains.map(({ owned }) => owned) }));
  const history = parts.use(await openHistory(services, metastore));
  let compactor: Compactor | undefined;
  const onLogStartMoved = (partition: PartitionName) => compactor?.logStartMoved(partition);
  const { partitions, writer } = openPartitions({ ...services, control, history, onLogStartMoved });
  parts.defer(() => partitions.stop());
  parts.defer(() => writer.drain());
  const led = new LedPartitions(control, config, partitions);
  await led.start(await log.groups('partition/'));
  const reconciler = parts.use(
    openReconciler({
      ...services,
      partitions: () => partitions.all(),
      metastore,
      domains: metastoreDomains,
      history,
      step: options.overrides?.step,
    }),
  );
  const step = options.overrides?.step;
  compactor = parts.use(openCompactor({ ...services, control, partitions, metastore, history, step }));
  showReconcileMetrics(registry, { reconciler, control, clock });
  showHistoryMetrics(registry, compactor, history.reader);
  const coordinator = parts.use(await openGroups(groups, { ...services, control }));
  const removal = removalFrom(metastore, metastoreDomains);
  parts.use(new MetastorePurgeLoop({ control, ...removal, clock, logger }));
  parts.use(
    new ClusterEpochLoop({ control, intervalMs: config.number('cloudtopics.epoch.interval.ms'), clock, logger }),
  );
  const broker = parts.use(
    await startBroker({
      listen: options.listen,
      advertise: options.advertise,
      admin: options.admin,
      clusterId: ownership.clusterId,
      storeLabel: store.label,
      control,
      config,
      partitions,
      coordinator,
      operations: {
        ...domainOperations(domains),
        maintenance: {
          ...reconcileOperations({ control, reconciler, clock }),
          ...compactOperations({ control, compactor }),
        },
      },
      slabs: slabsOf(config),
      registry,
      clock,
      random,
      logger,
    }),
  );
  return new RunningEngine(ownership.clusterId, broker, parts.move());
}

class RunningEngine implements Engine {
  readonly clusterId: string;
  readonly kafkaAddress: Address;
  readonly adminAddress: Address | undefined;
  readonly #parts: AsyncDisposableStack;
  #stopping: Promise<void> | undefined;

  constructor(clusterId: string, broker: Broker, parts: AsyncDisposableStack) {
    this.clusterId = clusterId;
    this.kafkaAddress = broker.kafkaAddress;
    this.adminAddress = broker.adminAddress;
    this.#parts = parts;
  }

  stop(): Promise<void> {
    this.#stopping ??= awake(this.#parts.disposeAsync());
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function openGroups(
  domains: readonly OpenDomain[],
  services: DomainServices & { readonly control: ControlState },
): Promise<Coordinator> {
  const { control, config } = services;
  return openCoordinator({
    ...services,
    domains: domains.map(({ owned }) => owned),
    topics: {
      idOf: (name) => control.byName(name)?.id,
      nameOf: (id) => control.byId(id)?.name,
      partitionCount: (id) => control.byId(id)?.partitions.length,
    },
    config: () => groupConfigFrom(config),
  });
}

interface PartitionParts extends DomainServices {
  readonly control: ControlState;
  readonly history: OpenHistory;
  readonly onLogStartMoved: (partition: PartitionName) => void;
}

function openPartitions(services: PartitionParts): {
  partitions: Partitions;
  writer: L0Writer;
} {
  const { store, log, ownership, control, config, clock, random, logger } = services;
  const { clusterId, incarnation } = ownership;
  const writer = new L0Writer({
    store,
    clusterId,
    shards: config.number('cloudtopics.l0.shards'),
    seal: {
      bytesMax: config.number('cloudtopics.seal.bytes'),
      partitionsMax: config.number('cloudtopics.seal.partitions'),
      batchesMax: defaultSealRules.batchesMax,
      gatherMs: defaultSealRules.gatherMs,
      interval: config.numberOrWord('cloudtopics.seal.interval.ms') ?? automaticInterval(store.remote),
    },
    putsMax: l0PutsMax,
    clock,
    random,
    logger,
    clusterEpoch: () => control.clusterEpoch,
    confirmOwnership: () => ownership.confirm(),
    defer: (run) => setImmediate(run),
  });
  const objectBytes = config.number('cloudtopics.memory.objects.bytes');
  const reader = new L0Reader({ store, clusterId, cacheBytesMax: objectBytes / 2, inFlightBytesMax: objectBytes / 2 });
  const partitions = new Partitions({
    log,
    committer: new Committer(log),
    writer,
    reader,
    history: services.history.history,
    onLogStartMoved: services.onLogStartMoved,
    clock,
    logger,
    incarnation,
    confirmOwnership: () => ownership.confirm(),
    recentExtentsMax,
    producerRules: () => ({
      expirationMs: config.number('producer.id.expiration.ms'),
      producersMax: producersPerPartitionMax,
    }),
  });
  return { partitions, writer };
}

const slabsOf = (config: BrokerConfig): SlabPool =>
  new SlabPool({
    slabBytes: config.number('cloudtopics.memory.slab.bytes'),
    bytesMax: config.number('cloudtopics.memory.slabs.bytes'),
  });

function onlyOnce(report: (error: EngineError) => void): (error: EngineError) => void {
  let reported = false;
  return (error) => {
    if (reported) return;
    reported = true;
    report(error);
  };
}
