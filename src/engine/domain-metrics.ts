// Shows the domains and their caches in Prometheus; docs/operating/metrics.md explains every metric. Read when they are asked for.

import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from './base/clock.ts';
import type { DomainStats } from './domain/domain.ts';
import type { OpenDomains } from './open-domains.ts';

type Read = (stats: DomainStats, nowMs: number) => number | undefined;

const gauges: readonly (readonly [name: string, help: string, read: Read])[] = [
  [
    'memtable_bytes',
    'Changes in memory that are not in tables yet.',
    ({ lsm }) => lsm.memtable.bytes + (lsm.immutable?.bytes ?? 0),
  ],
  ['flush_age_seconds', 'Since the last flush that was recorded.', ({ lsm }, nowMs) => ageOf(lsm.flushedMs, nowMs)],
  [
    'dirty_seconds',
    'Age of the oldest change that is not in the bucket; 0 when all are.',
    ({ lsm }, nowMs) => ageOf(lsm.dirtySinceMs, nowMs) ?? 0,
  ],
  [
    'last_flush_seconds',
    'How long the last flush took.',
    ({ lastFlushMs }) => (lastFlushMs === undefined ? undefined : lastFlushMs / 1000),
  ],
  [
    'log_tail_entries',
    'Entries of the log that are not in the bucket: what a start replays.',
    ({ log }) => log.tailEntries,
  ],
  ['log_tail_bytes', 'Bytes of those entries.', ({ log }) => log.tailBytes],
  ['queued_bytes', 'Bytes of writes that wait to be appended to the log.', ({ log }) => log.queuedBytes],
];

const counters: readonly (readonly [name: string, help: string, read: Read])[] = [
  ['flushes_total', 'Memtables written out and recorded.', ({ lsm }) => lsm.counters.flushes],
  ['compactions_total', 'Merges of tables.', ({ lsm }) => lsm.counters.compactions],
  ['written_bytes_total', 'Bytes of tables written.', ({ lsm }) => lsm.counters.bytesWritten],
  ['retries_total', 'Work in the background that was tried again.', ({ lsm }) => lsm.counters.retries],
  [
    'writes_slowed_total',
    'Writes that were slowed because tables could not be merged fast enough.',
    ({ lsm }) => lsm.counters.writesSlowed,
  ],
  ['writes_stopped_total', 'Writes that had to wait until there was room.', ({ lsm }) => lsm.counters.writesStopped],
  ['reopenings_total', 'Terms given up and opened again from the log.', ({ reopenings }) => reopenings],
];

/** The counters of a store begin at 0 again when its domain takes a new term, as counters of Prometheus may. */
export function showDomainMetrics(registry: Registry, domains: OpenDomains, clock: Clock): void {
  const registers = [registry];
  const labelNames = ['domain'] as const;
  const each = (set: (domain: string, stats: DomainStats) => void): void => {
    for (const { inner } of domains.all) set(inner.name, inner.stats());
  };
  for (const [name, help, read] of gauges) {
    new Gauge({
      name: `cloudtopics_domain_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        each((domain, stats) => {
          const value = read(stats, clock.nowMs());
          if (value !== undefined) this.set({ domain }, value);
        });
      },
    });
  }
  for (const [name, help, read] of counters) {
    new Counter({
      name: `cloudtopics_domain_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        each((domain, stats) => this.inc({ domain }, read(stats, clock.nowMs()) ?? 0));
      },
    });
  }
  showLevels(registers, each);
  showCaches(registers, domains);
}

function showLevels(registers: Registry[], each: (set: (domain: string, stats: DomainStats) => void) => void): void {
  const shown = [
    ['tables', 'Tables, by level.'],
    ['bytes', 'Bytes of tables, by level.'],
  ] as const;
  for (const [what, help] of shown) {
    new Gauge({
      name: `cloudtopics_domain_${what === 'tables' ? 'tables' : 'table_bytes'}`,
      help,
      labelNames: ['domain', 'level'] as const,
      registers,
      collect() {
        this.reset();
        each((domain, { lsm }) => {
          for (const [level, one] of lsm.levels.entries()) this.set({ domain, level: String(level) }, one[what]);
        });
      },
    });
  }
}

function showCaches(registers: Registry[], { caches: { blocks, disk } }: OpenDomains): void {
  const read = () => ({
    blocks,
    ...(disk === undefined ? {} : { disk: { ...disk.stats(), bytesMax: disk.bytesMax } }),
  });
  const labelNames = ['cache'] as const;
  const cacheGauges = { bytes: 'Bytes that a cache of tables holds.', bytesMax: 'Bytes that it may hold.' } as const;
  for (const [field, help] of Object.entries(cacheGauges) as [keyof typeof cacheGauges, string][]) {
    new Gauge({
      name: `cloudtopics_domain_cache_${field === 'bytes' ? 'bytes' : 'limit_bytes'}`,
      help,
      labelNames,
      registers,
      collect() {
        for (const [cache, one] of Object.entries(read())) this.set({ cache }, one[field]);
      },
    });
  }
  for (const field of ['hits', 'misses'] as const) {
    new Counter({
      name: `cloudtopics_domain_cache_${field}_total`,
      help: field === 'hits' ? 'Look-ups that a cache of tables answered.' : 'Look-ups that it could not answer.',
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [cache, one] of Object.entries(read())) this.inc({ cache }, one[field]);
      },
    });
  }
}

function ageOf(sinceMs: number | undefined, nowMs: number): number | undefined {
  return sinceMs === undefined ? undefined : Math.max(0, nowMs - sinceMs) / 1000;
}
