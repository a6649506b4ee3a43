// What the admin server shows of the domains, and lets an operator order.

import type { AdministeredDomain, AdminOperations, CachesStatus, DomainStatus } from './broker/broker.ts';
import type { DomainStats } from './domain/domain.ts';
import { type Manifest, manifestKey, nameText } from './lsm/lsm.ts';
import type { OpenDomain, OpenDomains } from './open-domains.ts';

export function domainOperations(domains: OpenDomains): AdminOperations {
  return {
    get domains() {
      return domains.all.map(administered);
    },
    caches: () => cachesStatus(domains),
  };
}

function administered({ owned, inner }: OpenDomain): AdministeredDomain {
  return {
    name: owned.name,
    reads: owned,
    status: () => statusOf(owned.name, inner.stats(), inner.manifest),
    flush: () => owned.flush(),
    compact: async () => {
      await owned.flush();
      await inner.compact();
    },
  };
}

function statusOf(name: string, stats: DomainStats, manifest: Manifest | undefined): DomainStatus {
  const { lsm, log, term, flushEveryMs, lastFlushMs, reopenings } = stats;
  return {
    name,
    term,
    flushEveryMs,
    appliedIndex: lsm.appliedIndex,
    coveredIndex: lsm.coveredIndex,
    memtable: lsm.memtable,
    immutable: lsm.immutable ?? null,
    levels: lsm.levels,
    manifest:
      manifest === undefined
        ? null
        : {
            name: nameText(manifest.name),
            key: manifestKey(manifest.prefix, manifest.name),
            created: timeText(manifest.createdMs),
          },
    flushed: lsm.flushedMs === undefined ? null : timeText(lsm.flushedMs),
    dirtySince: lsm.dirtySinceMs === undefined ? null : timeText(lsm.dirtySinceMs),
    lastFlushMs: lastFlushMs === undefined ? null : Math.round(lastFlushMs),
    log,
    snapshots: lsm.snapshots,
    reopenings,
    counters: lsm.counters,
  };
}

function cachesStatus({ caches: { blocks, disk } }: OpenDomains): CachesStatus {
  const { bytes, bytesMax, hits, misses } = blocks;
  return {
    blocks: { bytes, bytesMax, hits, misses },
    disk: disk === undefined ? null : diskStatus(disk.bytesMax, disk.stats()),
  };
}

const diskStatus = (bytesMax: number, { bytes, hits, misses }: { bytes: number; hits: number; misses: number }) => ({
  bytes,
  bytesMax,
  hits,
  misses,
});

const timeText = (ms: number): string => new Date(ms).toISOString();
