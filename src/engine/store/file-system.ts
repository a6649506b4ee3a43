// What the file store needs of a file system, small enough that a crash model can stand beneath it (unflushed-file-system.ts).
// Errors carry `code` as Node's do: ENOENT, EEXIST, ENOTEMPTY, ENOTDIR, ENOSPC, …
//
// Durability is as on Linux: the content of a file is durable after its `flushData`, the entries of a directory after `flush`
// of that directory. A rename, link, unlink or mkdir is an entry of the directory it happens in.

export interface FileFacts {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** False once no directory names it any more. */
  readonly linked: boolean;
}

export interface OpenFile {
  /** Writes all the parts, one behind the other, from `position` on. */
  write(parts: readonly Uint8Array[], position: number): Promise<void>;
  /** Fills `into` from `position` on; returns fewer bytes only at the end of the file. */
  read(into: Buffer, position: number): Promise<number>;
  facts(): Promise<FileFacts>;
  /** fdatasync: content and size. */
  flushData(): Promise<void>;
  close(): Promise<void>;
}

export interface OpenDirectory {
  facts(): Promise<FileFacts>;
  /** fsync: the entries. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface FileSystem {
  /** A new file for writing; EEXIST when there is one. */
  create(path: string): Promise<OpenFile>;
  open(path: string): Promise<OpenFile>;
  openDirectory(path: string): Promise<OpenDirectory>;
  /** One directory; EEXIST, or ENOENT when the parent is missing. */
  makeDirectory(path: string): Promise<void>;
  /** ENOTEMPTY unless empty. */
  removeDirectory(path: string): Promise<void>;
  /** Names in no order. */
  names(path: string): Promise<string[]>;
  /** A second name for a file; EEXIST when the name is taken. Atomic. */
  link(from: string, to: string): Promise<void>;
  /** Replaces what `to` names. Atomic. */
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /**
   * A lock that excludes every other holder of the same path, in this process and in others, and that dies with its process.
   * Tries once; undefined when somebody else has it.
   */
  openLock(path: string): FileLock;
}

export interface FileLock {
  tryAcquire(): boolean;
  release(): void;
  close(): void;
}

/** The `code` of an error of the file system; '' for others. */
export function fileErrorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
