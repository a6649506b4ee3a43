// Shows in Prometheus what the object store is asked and how it answers. Each try of a retried call counts.

import { Counter, Histogram, type Registry } from 'prom-client';
import type { StoreMetrics } from './store/store.ts';

/** Seconds: a directory answers in parts of a millisecond, a remote store may take a minute. */
const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function prometheusStoreMetrics(registry: Registry): StoreMetrics {
  const registers = [registry];
  const calls = new Counter({
    name: 'cloudtopics_store_calls_total',
    help: 'Calls to the object store, by operation and outcome.',
    labelNames: ['operation', 'outcome'] as const,
    registers,
  });
  const bytes = new Counter({
    name: 'cloudtopics_store_bytes_total',
    help: 'Content moved to and from the object store, by operation.',
    labelNames: ['operation'] as const,
    registers,
  });
  const seconds = new Histogram({
    name: 'cloudtopics_store_seconds',
    help: 'How long calls to the object store took, by operation.',
    labelNames: ['operation'] as const,
    buckets,
    registers,
  });
  return {
    observe(operation, outcome, took, moved) {
      calls.inc({ operation, outcome });
      bytes.inc({ operation }, moved);
      seconds.observe({ operation }, took);
    },
  };
}
