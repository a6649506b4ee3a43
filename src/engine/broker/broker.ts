// The front door of the broker: listens for Kafka clients, and for the operator on the admin address.

import { hostname } from 'node:os';
import { collectDefaultMetrics, type Registry } from 'prom-client';
import { ByteBudget } from '../base/byte-budget.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { SlabPool } from '../base/slab-pool.ts';
import type { BrokerConfig, ControlState } from '../cluster/cluster.ts';
import type { Coordinator } from '../coordinator/coordinator.ts';
import { AdminDomainRoutes } from './admin-domain-routes.ts';
import { AdminMaintenanceRoutes } from './admin-maintenance-routes.ts';
import type { AdminOperations } from './admin-operations.ts';
import { AdminServer } from './admin-server.ts';
import type { ApiTable } from './api-table.ts';
import { BrokerMetrics } from './broker-metrics.ts';
import { ComplaintLog } from './complaint-log.ts';
import { FetchState } from './fetch-state.ts';
import { FrameMemory } from './frame-memory.ts';
import type { BrokerServices, PartitionDirectory } from './handler.ts';
import { Listener } from './listener.ts';
import { RequestRunner } from './request-runner.ts';
import { servedApis } from './served-apis.ts';
import { SlabQueue } from './slab-queue.ts';

export type { AdministeredDomain, AdminOperations, CachesStatus, DomainStatus } from './admin-operations.ts';
export type { PartitionDirectory } from './handler.ts';
export type {
  CompactedPartition,
  CompactPlan,
  CompactRunResult,
  CompactStatus,
  MaintenanceJob,
  MaintenanceKind,
  MaintenanceOperations,
  MaintenanceOutcome,
  MaintenanceScope,
  PlannedReconcileObject,
  ReconciledPartition,
  ReconciledTopic,
  ReconcilePlan,
  ReconcileRound,
  ReconcileRunResult,
  ReconcileStatus,
} from './maintenance-operations.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface BrokerOptions {
  /** Port 0 for any free one. */
  readonly listen: Address;
  /** What clients are told to connect to; where the broker listens, when undefined. */
  readonly advertise: Address | undefined;
  /** No admin server when undefined. */
  readonly admin: Address | undefined;
  readonly clusterId: string;
  /** For people; has no secrets. */
  readonly storeLabel: string;
  readonly control: ControlState;
  readonly config: BrokerConfig;
  readonly partitions: PartitionDirectory;
  readonly coordinator: Coordinator;
  /** What the admin server serves beside the broker's own. */
  readonly operations: AdminOperations;
  readonly slabs: SlabPool;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** For tests; all APIs where not given. */
  readonly apis?: ApiTable;
}

export interface Broker extends AsyncDisposable {
  readonly kafkaAddress: Address;
  readonly adminAddress: Address | undefined;
  /** Accepts nothing more, answers what is in work for a bounded time, then closes everything. */
  stop(): Promise<void>;
}

const nodeId = 1;
/** How long requests in work may take while the broker stops. */
const stopGraceMs = 10_000;

export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { control, config, slabs, registry, clock, random, logger, listen, coordinator } = options;
  const metrics = new BrokerMetrics(registry);
  const complaints = new ComplaintLog(clock, logger);
  const fetch = new FetchState(config, clock, random);
  const budget = new ByteBudget(config.number('queued.max.request.bytes'));
  const advertised = { host: reachableHost(listen.host), port: listen.port };
  const services: BrokerServices = {
    clusterId: options.clusterId,
    nodeId,
    advertised: options.advertise ?? advertised,
    control,
    config,
    partitions: options.partitions,
    coordinator,
    fetch,
    clock,
    random,
    logger,
  };
  const listener = await Listener.open({
    ...listen,
    memory: new FrameMemory(new SlabQueue(slabs), budget, config.number('socket.request.max.bytes')),
    runner: new RequestRunner(options.apis ?? servedApis(), services, complaints),
    config,
    metrics,
    complaints,
    clock,
    random,
    logger,
  });
  advertised.port = listener.port;
  metrics.showGauges({
    connections: () => listener.connections,
    slabHeldBytes: () => slabs.heldBytes,
    slabPinnedBytes: () => slabs.pinnedBytes,
    requestMemoryBytes: () => budget.usedBytes,
    fetchMemoryBytes: () => fetch.budget.usedBytes,
    fetchSessions: () => fetch.sessions.size,
    topics: () => control.topics.size,
    partitions: () => control.topics.partitions,
    groups: () => coordinator.stats.groups,
    groupMembers: () => coordinator.stats.members,
    clusterEpoch: () => control.clusterEpoch,
  });
  const broker = new RunningBroker(listener, { host: listen.host, port: listener.port });
  if (options.admin !== undefined) {
    try {
      broker.admin = await openAdmin(options.admin, options, services, broker);
      collectDefaultMetrics({ register: registry });
    } catch (error) {
      await listener.stop(0);
      throw error;
    }
  }
  return broker;
}

function openAdmin(
  address: Address,
  { storeLabel, registry, logger, operations, clock }: BrokerOptions,
  { clusterId, advertised, control, coordinator }: BrokerServices,
  broker: RunningBroker,
): Promise<AdminServer> {
  const nowMs = () => clock.nowMs();
  const domains = new AdminDomainRoutes(operations, clusterId, nowMs);
  const maintenance = new AdminMaintenanceRoutes(operations.maintenance, clusterId, nowMs);
  return AdminServer.open({
    ...address,
    registry,
    logger,
    isReady: () => !broker.stopping,
    cluster: () => ({
      clusterId,
      nodeId,
      kafka: { host: advertised.host, port: advertised.port },
      store: storeLabel,
      clusterEpoch: control.clusterEpoch,
      topics: control.topics.size,
      partitions: control.topics.partitions,
      groups: coordinator.stats.groups,
    }),
    routes: async (request) => (await domains.answer(request)) ?? maintenance.answer(request),
  });
}

/** A wildcard is no address that a client could connect to. */
function reachableHost(host: string): string {
  return host === '0.0.0.0' || host === '::' || host === '' ? hostname() : host;
}

class RunningBroker implements Broker {
  readonly kafkaAddress: Address;
  readonly #listener: Listener;
  admin: AdminServer | undefined;
  #stopping: Promise<void> | undefined;

  constructor(listener: Listener, kafkaAddress: Address) {
    this.#listener = listener;
    this.kafkaAddress = kafkaAddress;
  }

  get adminAddress(): Address | undefined {
    return this.admin?.address;
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** The admin server goes last: until then it says that the broker is not ready. */
  async #stop(): Promise<void> {
    await this.#listener.stop(stopGraceMs);
    await this.admin?.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
