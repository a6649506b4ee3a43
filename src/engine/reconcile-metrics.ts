// Shows the reconciler in Prometheus; docs/operating/metrics.md explains every metric. Read when they are asked for.

import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from './base/clock.ts';
import type { ControlState } from './cluster/control-state.ts';
import type { LedPartition } from './partition/partition.ts';
import { objectSizeBuckets, type ReconcileCounters, type Reconciler } from './reconciler/reconciler.ts';

export interface ReconcileMetricParts {
  readonly reconciler: Reconciler;
  readonly control: ControlState;
  readonly clock: Clock;
}

const counters: readonly (readonly [name: string, help: string, read: (from: ReconcileCounters) => number])[] = [
  ['rounds_total', 'Rounds, each over all topics that were due.', (from) => from.rounds],
  ['failed_rounds_total', 'Rounds in which something failed.', (from) => from.failedRounds],
  ['objects_total', 'L1 objects uploaded, also those that nothing came of.', (from) => from.objects],
  ['object_bytes_total', 'Bytes of those objects.', (from) => from.objectBytes],
  ['bytes_total', 'Bytes of batches carried into L1.', (from) => from.bytes],
  ['batches_total', 'Batches carried into L1.', (from) => from.batches],
  ['partitions_total', 'Parts of partitions carried into L1, one for each object.', (from) => from.partitions],
  ['metastore_retries_total', 'Additions that the metastore was asked for again.', (from) => from.metastoreRetries],
  [
    'offset_corrections_total',
    'Parts that the metastore had already, or did not take: the LRO went where it said.',
    (from) => from.corrections,
  ],
  ['poison_batches_total', 'Damaged batches carried as they are.', (from) => from.poisonBatches],
  ['l0_reads_total', 'L0 objects read back; what the batch cache had is not among them.', (from) => from.l0Reads],
  ['l0_read_bytes_total', 'Bytes of those reads.', (from) => from.l0ReadBytes],
  ['l0_read_seconds_total', 'Time waited for them.', (from) => from.readMs / 1000],
  ['build_seconds_total', 'Time spent building and uploading objects.', (from) => from.buildMs / 1000],
  ['add_objects_seconds_total', 'Time waited for the metastore to add them.', (from) => from.addMs / 1000],
  ['log_trims_total', 'Trims of partition logs.', (from) => from.trims],
];

/** Gauges over the partitions of each topic. */
const gauges: readonly (readonly [
  name: string,
  help: string,
  read: (leaders: readonly LedPartition[], nowMs: number) => number,
])[] = [
  ['pending_offsets', 'Offsets in L0 only, by topic.', (leaders) => sum(leaders, pendingOffsets)],
  [
    'pending_offset_lag',
    'The most of them in one partition, by topic.',
    (leaders) => greatest(leaders, pendingOffsets),
  ],
  ['pending_bytes', 'Bytes in L0 only, by topic.', (leaders) => sum(leaders, ({ pendingBytes }) => pendingBytes)],
  [
    'pending_seconds',
    'Age of the oldest data that is in L0 only, by topic.',
    (leaders, nowMs) =>
      greatest(leaders, ({ pendingSinceMs }) =>
        pendingSinceMs === undefined ? 0 : Math.max(0, nowMs - pendingSinceMs) / 1000,
      ),
  ],
];

export function showReconcileMetrics(registry: Registry, { reconciler, control, clock }: ReconcileMetricParts): void {
  const registers = [registry];
  for (const [name, help, read] of counters) {
    new Counter({
      name: `cloudtopics_reconcile_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read(reconciler.counters));
      },
    });
  }
  new Counter({
    name: 'cloudtopics_reconcile_object_size_total',
    help: 'L1 objects up to a size, by its upper bound in bytes; cumulative.',
    labelNames: ['le'] as const,
    registers,
    collect() {
      this.reset();
      const { objectSizes, objects } = reconciler.counters;
      for (const [at, bound] of objectSizeBuckets.entries()) this.inc({ le: String(bound) }, objectSizes[at] as number);
      this.inc({ le: '+Inf' }, objects);
    },
  });
  for (const [name, help, read] of gauges) {
    new Gauge({
      name: `cloudtopics_reconcile_${name}`,
      help,
      labelNames: ['topic'] as const,
      registers,
      collect() {
        this.reset();
        for (const topicId of reconciler.schedules().keys()) {
          const topic = control.byId(topicId)?.name;
          if (topic !== undefined) this.set({ topic }, read(reconciler.leadersOf(topicId), clock.nowMs()));
        }
      },
    });
  }
  new Gauge({
    name: 'cloudtopics_reconcile_problems',
    help: 'Partitions that do not get on; cloudtopics reconcile status says why.',
    registers,
    collect() {
      this.set([...reconciler.schedules().values()].reduce((count, { problems }) => count + problems.size, 0));
    },
  });
  new Gauge({
    name: 'cloudtopics_reconcile_memory_bytes',
    help: 'Memory taken for L0 data that is read back.',
    registers,
    collect() {
      this.set(reconciler.memoryBytes);
    },
  });
}

const pendingOffsets = (leader: LedPartition): number => leader.lastStableOffset - leader.reconciledEnd;

const sum = (leaders: readonly LedPartition[], of: (leader: LedPartition) => number): number =>
  leaders.reduce((total, leader) => total + of(leader), 0);

const greatest = (leaders: readonly LedPartition[], of: (leader: LedPartition) => number): number =>
  leaders.reduce((most, leader) => Math.max(most, of(leader)), 0);
