// Where tables are kept: objects in the bucket, with a local disk cache that is written through and bounded in bytes. This is the
// interface; bucket-tables.ts keeps it.
//
// - a write is createOnly: a name is never shared, nor replaced
// - a read gives exactly the bytes that were asked for, or rejects; that they are right is for the reader's checksums to say
// - what a checksum refuses in the local copy is thrown away there and fetched again, once (`readAgain`)

import type { TableName } from '../core/table-name.ts';

export interface TableSource {
  /** Key of the object, named in errors. */
  readonly key: string;
  readonly sizeBytes: number;
  /** Bytes [start, start + length): at once where they are at hand locally, else a promise. Nobody changes them. */
  read(start: number, length: number): Buffer | Promise<Buffer>;
  /** The same bytes from the object itself, after the ones `read` gave were refused. Drops the local copy, all of it. */
  readAgain(start: number, length: number): Promise<Buffer>;
  /**
   * Says that [start, end) will be read soon, in order: fetched ahead in large parallel chunks where it is not local. A hint; what
   * fails shows when it is read.
   */
  prefetch(start: number, end: number): void;
}

export interface TableStorage {
  /**
   * Uploads a whole table. Resolves when it is durable in the bucket and readable by everybody. Nobody changes
   * the parts, afterwards neither: they may still be on their way to the local disk.
   */
  write(name: TableName, parts: readonly Buffer[]): Promise<void>;
  source(name: TableName, sizeBytes: number): TableSource;
  /** The local copy may go: no version of the store holds the table any more. */
  forget(name: TableName): void;
}
