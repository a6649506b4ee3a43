// A read-only picture of a store at one manifest, for any process: no log, no writer, and nothing is written to the bucket.
//
// It stays readable for as long as its tables are in the bucket; what a collector took meanwhile is `object-not-found` with the key.

import { EngineError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { nameText } from '../core/table-name.ts';
import { BucketTables } from '../io/bucket-tables.ts';
import type { LsmCaches } from '../io/lsm-caches.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { LsmView } from './lsm-reads.ts';
import { openTablesIn } from './open-tables.ts';
import { ReadCore } from './read-core.ts';
import { Snapshots } from './snapshots.ts';
import { TableSets } from './table-set.ts';

export interface LsmViewOptions {
  readonly store: ObjectStore;
  /** "<cluster id>/domain/<name>/". */
  readonly prefix: string;
  readonly manifest: Manifest;
  readonly caches: LsmCaches;
  readonly logger: Logger;
  /** Limit for indexes and bloom filters in memory. */
  readonly openTableBytesMax?: number;
}

/** Tables are opened when they are first needed. Rejects with `corrupt-object` for a manifest of another store. */
export async function openLsmView(options: LsmViewOptions): Promise<LsmView> {
  const { store, prefix, manifest, caches, logger, openTableBytesMax } = options;
  if (manifest.prefix !== prefix) {
    throw new EngineError('corrupt-object', 'the manifest belongs to another store', {
      context: { manifest: nameText(manifest.name), expected: prefix, found: manifest.prefix },
    });
  }
  const storage = new BucketTables({ store, prefix, caches, logger });
  return new ManifestView(
    manifest,
    new TableSets(manifest.levels, openTablesIn(storage, caches.blocks, openTableBytesMax)),
  );
}

class ManifestView extends ReadCore implements LsmView {
  readonly manifest: Manifest;
  readonly #sets: TableSets;

  constructor(manifest: Manifest, sets: TableSets) {
    super({ memtables: [], tables: sets.current, newest: manifest.coveredIndex }, new Snapshots());
    this.manifest = manifest;
    this.#sets = sets;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end(new EngineError('shutting-down', 'this view was closed'));
    this.#sets.close();
  }
}
