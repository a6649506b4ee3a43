// Tables of one store as objects in the bucket, with local copies. Keeps the promises of table-storage.ts.
//
// - a write is durable when its PUT is; only then is it handed to the disk cache, which keeps it in the background or declines
// - reads: local copy, chunks in memory, the bucket (chunk-fetcher.ts)
// - small pieces are copies: a block that is kept for long does not hold the chunk that it came in
// - the memory of what is on its way is bounded in bytes over all stores that share their caches (fetch-memory.ts)

import { EngineError, hasCode } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { cacheId, type DiskCache } from '../../disk-cache/disk-cache.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { type TableName, tableKey } from '../core/table-name.ts';
import { ChunkFetcher, type FetchedTable } from './chunk-fetcher.ts';
import { FetchMemory } from './fetch-memory.ts';
import type { LsmCaches } from './lsm-caches.ts';
import { AheadQueue } from './read-ahead.ts';
import { chunkBytes, chunkPieces, partsByChunk } from './table-chunks.ts';
import { isTable } from './table-object.ts';
import type { TableSource, TableStorage } from './table-storage.ts';

export interface BucketTablesOptions {
  readonly store: ObjectStore;
  /** The domain's: "<cluster id>/domain/<name>/". */
  readonly prefix: string;
  readonly caches: Pick<LsmCaches, 'disk' | 'fetches'>;
  readonly logger: Logger;
}

export class BucketTables implements TableStorage {
  readonly #store: ObjectStore;
  readonly #prefix: string;
  readonly #disk: DiskCache | undefined;
  readonly #memory: FetchMemory;
  readonly #fetcher: ChunkFetcher;
  readonly #logger: Logger;

  constructor({ store, prefix, caches, logger }: BucketTablesOptions) {
    this.#store = store;
    this.#prefix = prefix;
    this.#disk = caches.disk;
    this.#memory = caches.fetches ?? new FetchMemory();
    this.#fetcher = new ChunkFetcher(store, this.#memory, caches.disk);
    this.#logger = logger;
  }

  /**
   * Rejects with `precondition-failed` when another table has the name. After `store-timeout` or `store-unavailable` the table may
   * be there: the same table may be written again.
   */
  async write(name: TableName, parts: readonly Buffer[]): Promise<void> {
    const key = tableKey(this.#prefix, name);
    try {
      await this.#store.put(key, parts, { createOnly: true });
    } catch (error) {
      // An earlier try of ours may have come through without an answer: the object says whether it did.
      if (!hasCode(error, 'precondition-failed')) throw error;
      if (!(await isTable(this.#store, key, parts))) {
        throw new EngineError('precondition-failed', `table ${key} exists already, with other content`, {
          cause: error,
          context: { key },
        });
      }
    }
    this.#keepLocally(key, parts);
  }

  source(name: TableName, sizeBytes: number): TableSource {
    const key = tableKey(this.#prefix, name);
    const table = { key, sizeBytes, id: cacheId(this.#store.label, key) };
    return new BucketTableSource(table, this.#disk, this.#fetcher, this.#memory, this.#logger);
  }

  forget(name: TableName): void {
    const id = cacheId(this.#store.label, tableKey(this.#prefix, name));
    this.#disk?.drop(id);
    this.#memory.dropTable(id);
  }

  #keepLocally(key: string, parts: readonly Buffer[]): void {
    const disk = this.#disk;
    if (disk === undefined) return;
    const id = cacheId(this.#store.label, key);
    // Nothing had the name before, so what is there under it is of a bucket that was put back to an earlier state.
    disk.drop(id);
    for (const [index, chunk] of partsByChunk(parts).entries()) if (!disk.keep(id, index, chunk)) return;
  }
}

class BucketTableSource implements TableSource {
  readonly key: string;
  readonly sizeBytes: number;
  readonly #table: FetchedTable;
  readonly #disk: DiskCache | undefined;
  readonly #fetcher: ChunkFetcher;
  readonly #memory: FetchMemory;
  readonly #logger: Logger;
  readonly #ahead: AheadQueue;

  constructor(
    table: FetchedTable,
    disk: DiskCache | undefined,
    fetcher: ChunkFetcher,
    memory: FetchMemory,
    logger: Logger,
  ) {
    this.key = table.key;
    this.sizeBytes = table.sizeBytes;
    this.#table = table;
    this.#disk = disk;
    this.#fetcher = fetcher;
    this.#memory = memory;
    this.#logger = logger;
    this.#ahead = new AheadQueue((index, done) => {
      fetcher.fetchAhead(table, index, { end: () => this.#ahead.end(index), done });
    });
  }

  read(start: number, length: number): Buffer | Promise<Buffer> {
    if (!this.#inside(start, length)) return Promise.reject(this.#outside(start, length));
    if (length === 0) return Buffer.alloc(0);
    const index = Math.floor(start / chunkBytes);
    const at = start - index * chunkBytes;
    if (at + length <= chunkBytes) return this.#piece(index, at, length);
    const pieces = chunkPieces(start, length).map((piece) => this.#piece(piece.index, piece.at, piece.length));
    if (pieces.every((piece) => Buffer.isBuffer(piece))) return Buffer.concat(pieces, length);
    return Promise.all(pieces).then((buffers) => Buffer.concat(buffers, length));
  }

  async readAgain(start: number, length: number): Promise<Buffer> {
    if (!this.#inside(start, length)) throw this.#outside(start, length);
    const indexes = chunkPieces(start, length).map((piece) => piece.index);
    const local = indexes.some((index) => this.#fetcher.isNear(this.#table, index));
    this.#logger.warn(
      { key: this.key, start, length, local },
      'a table did not match its checksum; reading it once more',
    );
    this.#fetcher.drop(this.#table, indexes);
    return await this.#fetcher.readAgain(this.#table, start, length);
  }

  prefetch(start: number, end: number): void {
    const from = Math.max(0, start);
    const length = Math.min(end, this.sizeBytes) - from;
    if (length <= 0) return;
    const far = chunkPieces(from, length).filter(({ index }) => !this.#disk?.has(this.#table.id, index));
    if (far.length > 0) this.#memory.ahead.want(this.#ahead, far);
  }

  #piece(index: number, at: number, length: number): Buffer | Promise<Buffer> {
    const local = this.#disk?.read(this.#table.id, index, at, length);
    if (Buffer.isBuffer(local)) return local;
    if (local === undefined) return this.#fetch(index, at, length);
    return local.then((bytes) => bytes ?? this.#fetch(index, at, length));
  }

  #fetch(index: number, at: number, length: number): Buffer | Promise<Buffer> {
    const announced = this.#ahead.take(index);
    return this.#fetcher.read(this.#table, index, at, length, announced);
  }

  #inside(start: number, length: number): boolean {
    return start >= 0 && length >= 0 && start + length <= this.sizeBytes;
  }

  #outside(start: number, length: number): EngineError {
    return new EngineError(
      'corrupt-object',
      `bytes [${start}, ${start + length}) of table ${this.key} are asked for, it has ${this.sizeBytes}`,
      { context: { key: this.key, start, end: start + length, sizeBytes: this.sizeBytes } },
    );
  }
}
