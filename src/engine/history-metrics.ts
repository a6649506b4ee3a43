// Shows compaction, leveling, retention and the reader of L1 objects in Prometheus; docs/operating/metrics.md explains every metric.
// Read when they are asked for.

import { Counter, Gauge, type Registry } from 'prom-client';
import type { Compactor, CompactorCounters } from './compactor/compactor.ts';
import type { L1Reader, L1ReaderStats } from './l1/l1.ts';

type Shown<Of> = readonly (readonly [name: string, help: string, read: (from: Of) => number])[];

const compactorGauges: Shown<CompactorCounters> = [
  ['compact_managed_logs', 'Partitions looked after.', (from) => from.managedLogs],
  ['compact_compaction_queue', 'Compactions that wait for their turn.', (from) => from.compactionQueueLength],
  ['compact_leveling_queue', 'Leveling jobs that wait for their turn.', (from) => from.levelingQueueLength],
];

const compactorCounters: Shown<CompactorCounters> = [
  ['compact_log_compactions_total', 'Compactions of partitions.', (from) => from.logCompactions],
  ['compact_leveling_ranges_total', 'Runs of small extents that were merged.', (from) => from.levelingRangesCompleted],
  ['compact_extents_reclaimed_total', 'Extents that leveling took away.', (from) => from.levelingExtentsReclaimed],
  ['compact_batches_processed_total', 'Batches read by compaction.', (from) => from.batchesProcessed],
  ['compact_batches_removed_total', 'Batches of which nothing was left.', (from) => from.batchesRemoved],
  ['compact_records_processed_total', 'Records read by compaction.', (from) => from.recordsProcessed],
  ['compact_records_removed_total', 'Records taken out.', (from) => from.recordsRemoved],
  ['compact_tombstones_removed_total', 'Tombstones among them.', (from) => from.tombstonesRemoved],
  ['compact_read_bytes_total', 'Bytes read by compaction and leveling.', (from) => from.bytesRead],
  ['compact_written_bytes_total', 'Bytes written by them.', (from) => from.bytesWritten],
  ['compact_compaction_seconds_total', 'Time in compactions.', (from) => from.compactionDurationMicroseconds / 1e6],
  ['compact_leveling_seconds_total', 'Time in leveling.', (from) => from.levelingDurationMicroseconds / 1e6],
  ['compact_failed_jobs_total', 'Jobs that ended early, lost races included.', (from) => from.jobsFailed],
  ['retention_moves_total', 'Log starts moved by retention.', (from) => from.retentionMoves],
];

const readerGauges: Shown<L1ReaderStats> = [
  ['l1_memory_bytes', 'Memory that ranges of L1 objects take.', (from) => from.memoryBytes],
  ['l1_memory_limit_bytes', 'Memory that they may take.', (from) => from.memoryBytesMax],
  ['l1_footer_bytes', 'Memory that footers of L1 objects take.', (from) => from.footerBytes],
];

const readerCounters: Shown<L1ReaderStats> = [
  ['l1_reads_total', 'Ranged GETs of L1 objects.', (from) => from.reads],
  ['l1_read_bytes_total', 'Bytes of them.', (from) => from.readBytes],
  ['l1_footer_read_bytes_total', 'Bytes of footers read.', (from) => from.footerReadBytes],
  [
    'l1_skipped_bytes_total',
    'Bytes read and not handed out, in front of where a read began.',
    (from) => from.skippedBytes,
  ],
  ['l1_cache_hits_total', 'Chunks that memory or local disk had.', (from) => from.cacheHits],
  ['l1_cache_misses_total', 'Chunks that had to be read from the store.', (from) => from.cacheMisses],
  ['l1_shared_reads_total', 'Reads that waited for another one of the same chunk.', (from) => from.sharedReads],
  ['l1_read_ahead_bytes_total', 'Bytes read before anybody asked for them.', (from) => from.readAheadBytes],
];

export function showHistoryMetrics(registry: Registry, compactor: Compactor, reader: L1Reader): void {
  show(registry, compactorGauges, compactorCounters, () => compactor.counters());
  show(registry, readerGauges, readerCounters, () => reader.stats());
}

function show<Of>(registry: Registry, gauges: Shown<Of>, counters: Shown<Of>, from: () => Of): void {
  const registers = [registry];
  for (const [name, help, read] of gauges) {
    new Gauge({
      name: `cloudtopics_${name}`,
      help,
      registers,
      collect() {
        this.set(read(from()));
      },
    });
  }
  for (const [name, help, read] of counters) {
    new Counter({
      name: `cloudtopics_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read(from()));
      },
    });
  }
}
