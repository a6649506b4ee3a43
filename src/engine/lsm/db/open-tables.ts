// The tables of one store that are open: their indexes and bloom filters are in memory, within a limit in bytes.
//
// - a table is opened once, however many ask at the same time; a failed opening is tried again by the next who asks
// - beyond the limit, tables that no cursor stands in are closed, least recently used first; those in use stay, whatever the limit
// - a table that is open is reached without waiting, and without looking it up: whoever names it keeps its handle

import { EngineError } from '../../base/errors.ts';
import { nameText } from '../core/table-name.ts';
import type { BlockCache } from '../io/block-cache.ts';
import type { TableStorage } from '../io/table-storage.ts';
import { openTable } from '../sst/open-table.ts';
import type { TableInfo } from '../sst/table-info.ts';
import type { TableReader } from '../sst/table-reader.ts';

export interface OpenTablesOptions {
  readonly open: (info: TableInfo) => Promise<TableReader>;
  /** Nobody gets this reader any more; cursors of it may go on. */
  readonly onClose: (reader: TableReader) => void;
  /** Limit for the sum of `TableReader.memoryBytes`. */
  readonly memoryBytesMax: number;
}

const openTableBytesMax = 64 * 1024 * 1024;

/** For tables in a storage, with their blocks in a cache. */
export function openTablesIn(
  storage: TableStorage,
  blocks: BlockCache,
  memoryBytesMax = openTableBytesMax,
): OpenTables {
  return new OpenTables({
    open: (info) => openTable(storage.source(info.name, info.sizeBytes), info, blocks),
    onClose: (reader) => blocks.forget(reader),
    memoryBytesMax,
  });
}

/** A table of the store, open or not. There is one per name for as long as some table set has the table. */
export class TableHandle {
  readonly info: TableInfo;
  reader: TableReader | undefined = undefined;
  opening: Promise<TableReader> | undefined = undefined;
  /** Cursors that stand in it. */
  users = 0;
  /** Table sets that have it. */
  sets = 0;
  lastUsed = 0;

  constructor(info: TableInfo) {
    this.info = info;
  }
}

export class OpenTables {
  readonly #options: OpenTablesOptions;
  readonly #handles = new Map<string, TableHandle>();
  readonly #open = new Set<TableHandle>();
  #memoryBytes = 0;
  #uses = 0;

  constructor(options: OpenTablesOptions) {
    this.#options = options;
  }

  /** Of the tables that are open. */
  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  get openCount(): number {
    return this.#open.size;
  }

  handle(info: TableInfo): TableHandle {
    const name = nameText(info.name);
    const known = this.#handles.get(name);
    if (known !== undefined) return known;
    const handle = new TableHandle(info);
    this.#handles.set(name, handle);
    return handle;
  }

  /** At once when the table is open. */
  reader(handle: TableHandle): TableReader | Promise<TableReader> {
    handle.lastUsed = ++this.#uses;
    return handle.reader ?? handle.opening ?? this.#start(handle);
  }

  /** Opens what is not open yet, so many at a time, in this order, as far as the limit goes. Rejects with the first failure. */
  async openAll(infos: readonly TableInfo[], parallelism: number): Promise<void> {
    const waiting = infos.values();
    const openOnes = async (): Promise<void> => {
      for (const info of waiting) {
        if (this.#memoryBytes >= this.#options.memoryBytesMax) return;
        await this.reader(this.handle(info));
      }
    };
    await Promise.all(Array.from({ length: parallelism }, openOnes));
  }

  /** A cursor stands in the table from here on: it stays open until `leave`. */
  enter(handle: TableHandle): void {
    handle.users++;
  }

  leave(handle: TableHandle): void {
    handle.users--;
    if (handle.users === 0) this.#shrink();
  }

  /** No table set has the table any more. */
  drop(handle: TableHandle): void {
    this.#handles.delete(nameText(handle.info.name));
    this.#close(handle);
  }

  #start(handle: TableHandle): Promise<TableReader> {
    const opening = this.#options.open(handle.info).then(
      (reader) => {
        handle.opening = undefined;
        // It may have been dropped meanwhile: then it is read once more by whoever asked for it, and not kept.
        if (this.#handles.get(nameText(handle.info.name)) === handle) this.#keep(handle, reader);
        return reader;
      },
      (error: unknown) => {
        handle.opening = undefined;
        throw error;
      },
    );
    handle.opening = opening;
    return opening;
  }

  #keep(handle: TableHandle, reader: TableReader): void {
    handle.reader = reader;
    this.#open.add(handle);
    this.#memoryBytes += reader.memoryBytes;
    this.#shrink(handle);
  }

  #close(handle: TableHandle): void {
    const { reader } = handle;
    if (reader === undefined) return;
    this.#memoryBytes -= reader.memoryBytes;
    this.#open.delete(handle);
    handle.reader = undefined;
    this.#options.onClose(reader);
  }

  #shrink(except?: TableHandle): void {
    while (this.#memoryBytes > this.#options.memoryBytesMax) {
      let oldest: TableHandle | undefined;
      for (const handle of this.#open) {
        if (handle.users > 0 || handle === except) continue;
        if (oldest === undefined || handle.lastUsed < oldest.lastUsed) oldest = handle;
      }
      if (oldest === undefined) return;
      this.#close(oldest);
    }
  }
}

/** Levels as a manifest must have them; anything else would hide rows. */
export function checkLevels(levels: readonly (readonly TableInfo[])[]): void {
  for (const [level, tables] of levels.entries()) {
    for (const [at, table] of tables.entries()) {
      const before = level === 0 || at === 0 ? undefined : tables[at - 1];
      if (table.smallest <= table.largest && (before === undefined || before.largest < table.smallest)) continue;
      throw new EngineError('bug', `level ${level} is not sorted, or two of its tables overlap`, {
        context: { level, table: nameText(table.name) },
      });
    }
  }
}
