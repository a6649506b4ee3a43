// Reads objects of the file store. Everything about one answer is read through one descriptor, and a published file never
// changes, so facts, etag and content always belong together.

import { EngineError } from '../base/errors.ts';
import { answerMemory, resolveRange } from './byte-range.ts';
import { trailerBytes, trailerEtag } from './file-object-format.ts';
import { type FileSystem, fileErrorCode, type OpenFile } from './file-system.ts';
import type { GetOptions, ObjectInfo, StoredObject } from './object-store.ts';

/** Undefined when there is no such file. */
export function readObjectInfo(fileSystem: FileSystem, path: string, key: string): Promise<ObjectInfo | undefined> {
  return withFile(fileSystem, path, async (file) => {
    const { contentBytes, modifiedMs } = await contentFacts(file, path);
    const trailer = Buffer.allocUnsafe(trailerBytes);
    await readFully(file, trailer, contentBytes, path);
    return { key, sizeBytes: contentBytes, modifiedMs, etag: trailerEtag(trailer, path) };
  });
}

export function readObject(
  fileSystem: FileSystem,
  path: string,
  key: string,
  options: GetOptions | undefined,
): Promise<StoredObject | undefined> {
  return withFile(fileSystem, path, async (file) => {
    const { contentBytes, modifiedMs } = await contentFacts(file, path);
    const { start, end } = resolveRange(key, options?.range, contentBytes);
    const bytes = answerMemory(key, end - start, options?.into);
    const trailer = Buffer.allocUnsafe(trailerBytes);
    await readFully(file, bytes, start, path);
    await readFully(file, trailer, contentBytes, path);
    return { info: { key, sizeBytes: contentBytes, modifiedMs, etag: trailerEtag(trailer, path) }, bytes };
  });
}

async function withFile<T>(
  fileSystem: FileSystem,
  path: string,
  read: (file: OpenFile) => Promise<T>,
): Promise<T | undefined> {
  let file: OpenFile;
  try {
    file = await fileSystem.open(path);
  } catch (error) {
    if (fileErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return await read(file);
  } finally {
    await file.close();
  }
}

async function contentFacts(file: OpenFile, path: string): Promise<{ contentBytes: number; modifiedMs: number }> {
  const { sizeBytes, modifiedMs } = await file.facts();
  if (sizeBytes < trailerBytes) throw cutShort(path, sizeBytes);
  return { contentBytes: sizeBytes - trailerBytes, modifiedMs };
}

async function readFully(file: OpenFile, into: Buffer, position: number, path: string): Promise<void> {
  if ((await file.read(into, position)) !== into.length) throw cutShort(path, position);
}

function cutShort(path: string, atByte: number): EngineError {
  return new EngineError('corrupt-object', `${path} is cut short`, { context: { path, atByte } });
}
