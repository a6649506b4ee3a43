import { EngineError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { type TableName, tableKey } from '../core/table-name.ts';
import type { LsmCaches } from './lsm-caches.ts';
import type { TableSource, TableStorage } from './table-storage.ts';

export interface BucketTablesOptions {
  readonly store: ObjectStore;
  /** The domain's: "<cluster id>/domain/<name>/". */
  readonly prefix: string;
  readonly caches: Pick<LsmCaches, 'disk'>;
  readonly logger: Logger;
}

export class BucketTables implements TableStorage {
  readonly #options: BucketTablesOptions;

  constructor(options: BucketTablesOptions) {
    this.#options = options;
  }

  async write(name: TableName, parts: readonly Buffer[]): Promise<void> {
    await this.#options.store.put(tableKey(this.#options.prefix, name), parts, { createOnly: true });
  }

  source(name: TableName, sizeBytes: number): TableSource {
    const { store, prefix } = this.#options;
    const key = tableKey(prefix, name);
    const read = async (start: number, length: number) => {
      const { bytes } = await store.get(key, { range: { start, end: start + length } });
      if (bytes.length !== length) throw new EngineError('corrupt-object', `table ${key} is cut off`);
      return bytes;
    };
    return { key, sizeBytes, read, readAgain: read, prefetch: () => {} };
  }

  forget(_name: TableName): void {}
}
