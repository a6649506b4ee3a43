// Ranges of an L1 object from the store: exactly the bytes that were asked for, or what is wrong with the object.

import { EngineError, hasCode } from '../base/errors.ts';
import type { ObjectStore, StoredObject } from '../store/object-store.ts';

export interface ObjectRange {
  readonly key: string;
  /** What the metastore says that the object has. */
  readonly sizeBytes: number;
  readonly start: number;
  readonly end: number;
}

export interface RangeReadOptions {
  /** Memory for the answer. */
  readonly into?: Buffer;
  readonly signal?: AbortSignal | undefined;
}

/** Throws `object-not-found`, `corrupt-object` where the object has another size, or what the store throws. May come short. */
export async function readRange(store: ObjectStore, range: ObjectRange, options: RangeReadOptions): Promise<Buffer> {
  const { info, bytes } = await get(store, range, options);
  if (info.sizeBytes !== range.sizeBytes) throw wrongSize(range, info.sizeBytes);
  return bytes;
}

/** The store lost the rest on the way: it may come whole next time. */
export const cameShort = ({ key, start, end }: ObjectRange, came: number): EngineError =>
  new EngineError('store-unavailable', `L1 object ${key}: ${came} of ${end - start} bytes came from byte ${start}`, {
    context: { key, start, end, came },
  });

async function get(store: ObjectStore, range: ObjectRange, { into, signal }: RangeReadOptions): Promise<StoredObject> {
  const { key, start, end } = range;
  try {
    return await store.get(key, {
      range: { start, end },
      ...(into === undefined ? {} : { into }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (!hasCode(error, 'usage')) throw error;
    // The range lies behind the end of the object; the store's words for it say nothing about L1.
    const info = await store.head(key);
    if (info === undefined || info.sizeBytes === range.sizeBytes) throw error;
    throw wrongSize(range, info.sizeBytes);
  }
}

const wrongSize = ({ key, sizeBytes }: ObjectRange, actual: number): EngineError =>
  new EngineError('corrupt-object', `L1 object ${key} has ${actual} bytes, the metastore says ${sizeBytes}`, {
    context: { key, expected: sizeBytes, actual },
  });
