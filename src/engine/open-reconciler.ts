// Puts the reconciler together from the broker's parts and settings.

import type { Metastore } from './metastore/metastore.ts';
import type { DomainServices, OpenDomain } from './open-domains.ts';
import type { OpenHistory } from './open-history.ts';
import type { LedPartition } from './partition/partition.ts';
import { Reconciler } from './reconciler/reconciler.ts';

export interface ReconcilerParts extends DomainServices {
  readonly partitions: () => Iterable<LedPartition>;
  readonly metastore: Metastore;
  readonly domains: readonly OpenDomain[];
  readonly history: OpenHistory;
  readonly step: ((name: string) => Promise<void> | void) | undefined;
}

export function openReconciler(parts: ReconcilerParts): Reconciler {
  const { partitions, metastore, domains, history, store, ownership, config, clock, logger } = parts;
  const step = parts.step ?? (() => {});
  return new Reconciler({
    partitions,
    metastore,
    domains: domains.map(({ inner }) => ({
      appliedIndex: () => inner.stats().lsm.appliedIndex,
      coveredIndex: () => inner.stats().lsm.coveredIndex,
    })),
    store,
    clusterId: ownership.clusterId,
    newBuilder: (topicId, objectId, signal) =>
      history.newBuilder('reconciled', topicId, objectId, signal, (name) => step(`reconcile.${name}`)),
    settings: {
      enabled: () => config.flag('cloudtopics.reconcile.enable'),
      interval: () => ({
        targetBytes: config.number('cloudtopics.reconcile.object.bytes'),
        minMs: config.number('cloudtopics.reconcile.interval.min.ms'),
        maxMs: config.number('cloudtopics.reconcile.interval.max.ms'),
      }),
      skipMissing: () => config.flag('cloudtopics.reconcile.skip.missing'),
      jobsParallel: config.number('cloudtopics.reconcile.objects.parallel'),
      memoryBytes: config.number('cloudtopics.memory.reconcile.bytes'),
    },
    clock,
    logger,
    pace: (bytes, signal) => history.pace(bytes, signal),
    pause: () => new Promise((resolve) => setImmediate(resolve)),
    step,
  });
}
