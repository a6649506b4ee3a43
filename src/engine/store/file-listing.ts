// Lists the file store in whole-key byte order, walking only the directories that can hold keys asked for.
//
// Inside a directory, an object counts as its name and a subdirectory as its name and "/": 'a-b' < 'a/…' < 'a0'. All keys
// of a subdirectory stand together in that order, so a walk in it is the order of the keys.
// A directory's names are held in memory while it is walked; objects and directories that vanish meanwhile are passed over.

import { directoryPath, parseFileName } from './file-key-path.ts';
import { readObjectInfo } from './file-object-reader.ts';
import { type FileSystem, fileErrorCode } from './file-system.ts';
import type { ListOptions, ObjectInfo } from './object-store.ts';
import { checkSignal } from './write-conditions.ts';

/** How many objects are looked at ahead of the reader. */
const lookAhead = 16;

interface Entry {
  /** The bytes of the keys behind it, from the store's root: ends in "/" for a directory. */
  readonly keyBytes: Buffer;
  readonly path: string;
  readonly directory: boolean;
}

export async function* listFiles(
  fileSystem: FileSystem,
  root: string,
  options: ListOptions,
): AsyncIterable<ObjectInfo> {
  const { prefix, startAfter = '', signal } = options;
  checkSignal(signal, 'list');
  const waiting: Promise<ObjectInfo | undefined>[] = [];
  const lastSlash = prefix.lastIndexOf('/');
  const top = prefix.slice(0, lastSlash + 1);
  // A prefix that no key can have ("/x", "a//b") names no directory either.
  const segments = top === '' ? [] : top.slice(0, -1).split('/');
  if (!prefix.isWellFormed() || segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    return;
  const walk = new Walk(fileSystem, Buffer.from(prefix), Buffer.from(startAfter));
  try {
    for await (const entry of walk.objects([root, ...segments.map(directoryPath)].join('/'), Buffer.from(top))) {
      checkSignal(signal, 'list');
      waiting.push(readObjectInfo(fileSystem, entry.path, entry.keyBytes.toString()));
      if (waiting.length < lookAhead) continue;
      const info = await waiting.shift();
      if (info !== undefined) yield info;
    }
    while (waiting.length > 0) {
      checkSignal(signal, 'list');
      const info = await waiting.shift();
      if (info !== undefined) yield info;
    }
  } finally {
    // A reader that stopped early does not wait for these, nor for their errors.
    for (const info of waiting) info.catch(() => {});
  }
}

class Walk {
  readonly #fileSystem: FileSystem;
  readonly #prefix: Buffer;
  readonly #startAfter: Buffer;

  constructor(fileSystem: FileSystem, prefix: Buffer, startAfter: Buffer) {
    this.#fileSystem = fileSystem;
    this.#prefix = prefix;
    this.#startAfter = startAfter;
  }

  async *objects(path: string, keyBytes: Buffer): AsyncIterable<Entry> {
    const entries: Entry[] = [];
    await this.#collect(path, keyBytes, entries);
    entries.sort((a, b) => Buffer.compare(a.keyBytes, b.keyBytes));
    for (const entry of entries) {
      if (entry.directory) yield* this.objects(entry.path, entry.keyBytes);
      else yield entry;
    }
  }

  async #collect(path: string, keyBytes: Buffer, entries: Entry[]): Promise<void> {
    for (const name of await this.#names(path)) {
      const parsed = parseFileName(name);
      if (parsed.kind === 'foreign') continue;
      const entryPath = `${path}/${name}`;
      const directory = parsed.kind === 'directory';
      const entryKey = Buffer.concat(directory ? [keyBytes, parsed.text, slash] : [keyBytes, parsed.text]);
      // Pieces of one long segment belong among the other names here.
      if (parsed.kind === 'more') await this.#collect(entryPath, entryKey, entries);
      else if (this.#wanted(entryKey, directory)) entries.push({ keyBytes: entryKey, path: entryPath, directory });
    }
  }

  #wanted(key: Buffer, directory: boolean): boolean {
    const common = Math.min(key.length, this.#prefix.length);
    if (!key.subarray(0, common).equals(this.#prefix.subarray(0, common))) return false;
    if (!directory) return key.length >= this.#prefix.length && Buffer.compare(key, this.#startAfter) > 0;
    // A directory's keys are all behind `startAfter`, or `startAfter` lies within it.
    return Buffer.compare(key, this.#startAfter.subarray(0, key.length)) >= 0;
  }

  async #names(path: string): Promise<string[]> {
    try {
      return await this.#fileSystem.names(path);
    } catch (error) {
      if (fileErrorCode(error) === 'ENOENT' || fileErrorCode(error) === 'ENOTDIR') return [];
      throw error;
    }
  }
}

const slash = Buffer.from('/');
