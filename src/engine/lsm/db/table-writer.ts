// Writes versions, in the order of cursors, into as many tables as they need. A table that is full is uploaded while the next one is
// built, and no more than that: the one being uploaded and the one being built are all that is in memory.
//
// A table ends between two keys, never between versions of one: so tables of one level never share a key.

import type { Wait } from '../core/cursor.ts';
import type { LsmRules } from '../core/lsm-rules.ts';
import { type Key, sameKey } from '../core/row.ts';
import { type BuiltTable, TableBuilder } from '../sst/table-builder.ts';
import type { TableInfo } from '../sst/table-info.ts';
import type { WorkSlices } from './work-slices.ts';

/** Resolves when the table is in the bucket. */
export type UploadTable = (table: BuiltTable) => Promise<TableInfo>;

export class TableWriter {
  readonly #rules: LsmRules;
  readonly #upload: UploadTable;
  readonly #slices: WorkSlices;
  readonly #written: TableInfo[] = [];
  #builder: TableBuilder | undefined;
  #uploading: Promise<void> | undefined;
  #lastKey: Key | undefined;

  constructor(rules: LsmRules, upload: UploadTable, slices: WorkSlices) {
    this.#rules = rules;
    this.#upload = upload;
    this.#slices = slices;
  }

  /** Before the versions of each key; `cut` ends the table here whatever its size. Nothing may be added before it has resolved. */
  begin(key: Key, cut: boolean): Wait {
    if (this.#lastKey !== undefined && sameKey(key, this.#lastKey)) return undefined;
    this.#lastKey = key;
    const builder = this.#builder;
    if (builder === undefined || builder.entries === 0) return undefined;
    return cut || builder.sizeBytes >= this.#rules.tableBytes ? this.#close(builder) : undefined;
  }

  add(key: Key, sequence: number, value: Uint8Array | undefined): void {
    this.#builder ??= new TableBuilder(this.#rules);
    this.#builder.add(key, sequence, value);
  }

  /** The tables, in the order of their keys, once all are in the bucket. */
  async finish(): Promise<readonly TableInfo[]> {
    if (this.#builder !== undefined && this.#builder.entries > 0) await this.#close(this.#builder);
    await this.#uploading;
    return this.#written;
  }

  /** For a merge that failed: once nothing is under way any more, the tables that are in the bucket for nothing. */
  async abandon(): Promise<readonly TableInfo[]> {
    this.#builder = undefined;
    await this.#uploading?.catch(() => undefined);
    return this.#written;
  }

  async #close(builder: TableBuilder): Promise<void> {
    while (builder.prepare()) await this.#slices.stepAside();
    const table = builder.finish();
    this.#builder = undefined;
    await this.#uploading;
    const uploading = this.#upload(table).then((info) => void this.#written.push(info));
    // Looked at when the next table is full, or at the end.
    uploading.catch(() => undefined);
    this.#uploading = uploading;
  }
}
