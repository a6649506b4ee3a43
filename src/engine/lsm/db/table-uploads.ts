// Takes finished tables to the bucket, and opens them: a table that does not read back as what was built is never recorded.

import type { EngineError } from '../../base/errors.ts';
import type { TableStorage } from '../io/table-storage.ts';
import type { ManifestJournal } from '../manifest/manifest.ts';
import type { BuiltTable } from '../sst/table-builder.ts';
import type { TableInfo } from '../sst/table-info.ts';
import type { BackgroundTries } from './background-tries.ts';
import type { ManifestEdits } from './manifest-edits.ts';
import type { OpenTables } from './open-tables.ts';
import type { UploadTable } from './table-writer.ts';

export interface TableUploadsOptions {
  readonly storage: TableStorage;
  readonly journal: ManifestJournal;
  readonly edits: ManifestEdits;
  readonly tables: OpenTables;
  readonly tries: BackgroundTries;
}

export class TableUploads {
  readonly #options: TableUploadsOptions;
  #bytesWritten = 0;

  constructor(options: TableUploadsOptions) {
    this.#options = options;
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /** `failed` hears of every try that failed for now. What it gives rejects only when the store is over. */
  uploader(failed?: (error: EngineError) => void): UploadTable {
    return async (table) => {
      const { tables, tries } = this.#options;
      const info = await tries.until('uploading a table', () => this.#put(table), failed);
      this.#bytesWritten += info.sizeBytes;
      await tries.until('opening an uploaded table', async () => tables.reader(tables.handle(info)), failed);
      return info;
    };
  }

  /** These will be in no manifest after all: the collector finds them. */
  discard(infos: readonly TableInfo[]): void {
    const { edits, tables, storage } = this.#options;
    for (const info of infos) {
      edits.discard(info.name);
      tables.drop(tables.handle(info));
      storage.forget(info.name);
    }
  }

  /** Every try has a name of its own: so nothing has to be known about what became of an earlier one. */
  async #put({ parts, facts }: BuiltTable): Promise<TableInfo> {
    const { storage, journal, edits } = this.#options;
    await journal.confirm();
    const name = edits.nameTable();
    try {
      await storage.write(name, parts);
      return { name, ...facts };
    } catch (error) {
      edits.discard(name);
      storage.forget(name);
      throw error;
    }
  }
}
