// What the broker counts, for Prometheus. docs/operating/metrics.md lists and explains every metric.

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { apis } from '../wire/wire.ts';

interface ApiMetrics {
  readonly requests: { inc(): void };
  readonly requestBytes: { inc(value: number): void };
  readonly responseBytes: { inc(value: number): void };
  readonly seconds: { observe(value: number): void };
}

export interface BrokerGauges {
  readonly connections: () => number;
  readonly slabHeldBytes: () => number;
  readonly slabPinnedBytes: () => number;
  readonly requestMemoryBytes: () => number;
  readonly fetchMemoryBytes: () => number;
  readonly fetchSessions: () => number;
  readonly topics: () => number;
  readonly partitions: () => number;
  readonly groups: () => number;
  readonly groupMembers: () => number;
  readonly clusterEpoch: () => number;
}

const gaugeHelp: Readonly<Record<keyof BrokerGauges, readonly [name: string, help: string]>> = {
  connections: ['cloudtopics_connections', 'Client connections.'],
  slabHeldBytes: ['cloudtopics_slab_held_bytes', 'Slab memory taken from the system.'],
  slabPinnedBytes: ['cloudtopics_slab_pinned_bytes', 'Slab memory that cannot be recycled now.'],
  requestMemoryBytes: ['cloudtopics_request_memory_bytes', 'Memory of requests in work, Produce excepted.'],
  fetchMemoryBytes: ['cloudtopics_fetch_memory_bytes', 'Memory reserved for fetch answers in work.'],
  fetchSessions: ['cloudtopics_fetch_sessions', 'Fetch sessions kept.'],
  topics: ['cloudtopics_topics', 'Topics.'],
  partitions: ['cloudtopics_partitions', 'Partitions of all topics.'],
  groups: ['cloudtopics_groups', 'Consumer groups.'],
  groupMembers: ['cloudtopics_group_members', 'Members of all consumer groups.'],
  clusterEpoch: ['cloudtopics_cluster_epoch', 'The cluster epoch.'],
};

export class BrokerMetrics {
  readonly registry: Registry;
  readonly memoryWaits: Counter;
  readonly refusedConnections: Counter;
  readonly #requests: Counter<'api'>;
  readonly #requestBytes: Counter<'api'>;
  readonly #responseBytes: Counter<'api'>;
  readonly #seconds: Histogram<'api'>;
  readonly #byKey = new Map<number, ApiMetrics>();

  constructor(registry: Registry) {
    this.registry = registry;
    const registers = [registry];
    const labelNames = ['api'] as const;
    this.#requests = new Counter({
      name: 'cloudtopics_requests_total',
      help: 'Requests, by API.',
      labelNames,
      registers,
    });
    this.#requestBytes = new Counter({
      name: 'cloudtopics_request_bytes_total',
      help: 'Bytes of requests, by API; for Produce about the bytes produced.',
      labelNames,
      registers,
    });
    this.#responseBytes = new Counter({
      name: 'cloudtopics_response_bytes_total',
      help: 'Bytes of answers, by API; for Fetch about the bytes fetched.',
      labelNames,
      registers,
    });
    this.#seconds = new Histogram({
      name: 'cloudtopics_request_seconds',
      help: 'From the last byte of a request to its answer, by API.',
      labelNames,
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
      registers,
    });
    this.memoryWaits = new Counter({
      name: 'cloudtopics_memory_waits_total',
      help: 'How often a connection had to wait for memory for its next request.',
      registers,
    });
    this.refusedConnections = new Counter({
      name: 'cloudtopics_connections_refused_total',
      help: 'Connections closed at once because there were too many.',
      registers,
    });
  }

  requestStarted(apiKey: number, frameBytes: number): void {
    const api = this.#api(apiKey);
    api.requests.inc();
    api.requestBytes.inc(frameBytes);
  }

  requestFinished(apiKey: number, answerBytes: number, tookMs: number): void {
    const api = this.#api(apiKey);
    api.responseBytes.inc(answerBytes);
    api.seconds.observe(tookMs / 1000);
  }

  showGauges(gauges: BrokerGauges): void {
    for (const [key, [name, help]] of Object.entries(gaugeHelp)) {
      const read = gauges[key as keyof BrokerGauges];
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(read());
        },
      });
    }
  }

  /** Unknown keys share one label, so that strangers cannot make metrics grow. */
  #api(apiKey: number): ApiMetrics {
    const known = apis.get(apiKey);
    const key = known === undefined ? -1 : apiKey;
    const present = this.#byKey.get(key);
    if (present !== undefined) return present;
    const labels = { api: known?.name ?? 'unknown' };
    const made: ApiMetrics = {
      requests: this.#requests.labels(labels),
      requestBytes: this.#requestBytes.labels(labels),
      responseBytes: this.#responseBytes.labels(labels),
      seconds: this.#seconds.labels(labels),
    };
    this.#byKey.set(key, made);
    return made;
  }
}
