// The front door of the LSM store: a sorted map whose tables and manifests are objects in the bucket and whose write-ahead log is
// somebody else's. The domain appends to a log first and then calls `apply`; after a crash it opens the manifest that the log names
// and replays what follows. docs/lsm.md says how it works.
//
// What it knows: memtables, tables, levels, snapshots. What it does not: the log, terms (but for names), owners, what rows mean.
// What it refuses: keys of no or more than 4096 bytes, values above 1 MiB, entries out of order, anything after it gave up.

export { defaultLsmRules, type LsmRules } from './core/lsm-rules.ts';
export {
  type Change,
  checkChange,
  type Key,
  keyFromText,
  textFromKey,
} from './core/row.ts';
export {
  compareNames,
  type ManifestName,
  manifestKey,
  nameText,
  parseName,
  type TableName,
  tableKey,
} from './core/table-name.ts';
export type { LsmReads, LsmSnapshot, LsmView, RangeOptions } from './db/lsm-reads.ts';
export type { LsmEntry, LsmStats, LsmStore } from './db/lsm-store.ts';
export { openLsmView } from './db/lsm-view.ts';
export { openLsm } from './db/open-lsm.ts';
export { BlockCache } from './io/block-cache.ts';
export { BucketTables } from './io/bucket-tables.ts';
export { type LsmCaches, type OpenCaches, openLsmCaches } from './io/lsm-caches.ts';
export type { TableSource } from './io/table-storage.ts';
export type { Manifest, ManifestJournal, ManifestRef } from './manifest/manifest.ts';
export { diffManifests } from './manifest/manifest-diff.ts';
export {
  listManifests,
  type ManifestObject,
  newestManifest,
  readManifest,
} from './manifest/manifest-objects.ts';
export { judgeObjects } from './manifest/obsolete-objects.ts';
export { inspectBlocks, inspectTable } from './sst/inspect-table.ts';
export type { TableFinding } from './sst/table-finding.ts';
export type { TableInfo } from './sst/table-info.ts';
