// One table as an object in the bucket: reads give exactly the bytes that were asked for, or say what is wrong with the object.

import { partsOf } from '../../base/byte-parts.ts';
import { EngineError, hasCode } from '../../base/errors.ts';
import type { ObjectStore, StoredObject } from '../../store/object-store.ts';
import { chunkBytes } from './table-chunks.ts';

/** `sizeBytes` is what the manifest says. */
export async function readTableRange(
  store: ObjectStore,
  key: string,
  sizeBytes: number,
  start: number,
  length: number,
): Promise<Buffer> {
  const object = await getRange(store, key, sizeBytes, start, length);
  if (object.info.sizeBytes !== sizeBytes) throw wrongSize(key, sizeBytes, object.info.sizeBytes);
  if (object.bytes.length !== length) throw cameShort(key, start, length, object.bytes.length);
  return object.bytes;
}

async function getRange(
  store: ObjectStore,
  key: string,
  sizeBytes: number,
  start: number,
  length: number,
): Promise<StoredObject> {
  try {
    return await store.get(key, { range: { start, end: start + length } });
  } catch (error) {
    if (hasCode(error, 'object-not-found')) throw missing(key, sizeBytes, error);
    if (!hasCode(error, 'usage')) throw error;
    // The range lies behind the end of the object; the store's words for it say nothing about tables.
    const info = await store.head(key);
    if (info === undefined) throw missing(key, sizeBytes, error);
    if (info.sizeBytes !== sizeBytes) throw wrongSize(key, sizeBytes, info.sizeBytes);
    throw error;
  }
}

/** Whether the object is exactly these parts; compared piece by piece, so that no second table is in memory. */
export async function isTable(store: ObjectStore, key: string, parts: readonly Buffer[]): Promise<boolean> {
  const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const info = await store.head(key);
  if (info?.sizeBytes !== sizeBytes) return false;
  for (let start = 0; start < sizeBytes; start += chunkBytes) {
    const length = Math.min(chunkBytes, sizeBytes - start);
    const there = await readTableRange(store, key, sizeBytes, start, length);
    if (!there.equals(Buffer.concat(partsOf(parts, start, length), length))) return false;
  }
  return true;
}

const missing = (key: string, sizeBytes: number, cause: unknown): EngineError =>
  new EngineError(
    'object-not-found',
    `table ${key} of ${sizeBytes} bytes is missing from the bucket, though a manifest of its store names it`,
    { cause, context: { key, sizeBytes } },
  );

const wrongSize = (key: string, expected: number, actual: number): EngineError =>
  new EngineError('corrupt-object', `table ${key} has ${actual} bytes in the bucket, its manifest says ${expected}`, {
    context: { key, expected, actual },
  });

/** The store lost the rest on the way: it may come whole next time. */
const cameShort = (key: string, start: number, length: number, came: number): EngineError =>
  new EngineError('store-unavailable', `table ${key}: ${came} of ${length} bytes came from byte ${start}`, {
    context: { key, start, end: start + length, came },
  });
