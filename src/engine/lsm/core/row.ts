// Rows of the LSM store, and the one form that keys have inside it.
//
// A key is a byte string: a JavaScript string whose characters are all 0–255, one per byte. V8 keeps such a string at one byte a
// character, and `<` compares it by bytes, which is the order of the store. Text becomes a byte string by its UTF-8 bytes.

import { EngineError } from '../../base/errors.ts';

/** A byte string; see above. `keyFromText` and `keyFromBytes` make one. */
export type Key = string;

/** At least 1. */
export const keyBytesMax = 4096;
export const valueBytesMax = 1024 * 1024;

/** A value of undefined deletes the key. */
export interface Change {
  readonly key: Key;
  readonly value: Uint8Array | undefined;
}

/** One version of a key, as memtables and tables hold it. Of one key, versions are ordered from the highest sequence down. */
export interface Version {
  readonly key: Key;
  /** Index of the log entry that wrote it: 1, 2, 3 … Entries of one batch share it; a batch has each key once. */
  readonly sequence: number;
  /** Undefined: a tombstone. */
  readonly value: Buffer | undefined;
}

/** A sequence at or above every real one: reads with it see everything. */
export const newestSequence = Number.MAX_SAFE_INTEGER;

const beyondAscii = /[^\0-\x7f]/;

export function keyFromText(text: string): Key {
  return beyondAscii.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

export function textFromKey(key: Key): string {
  return beyondAscii.test(key) ? Buffer.from(key, 'latin1').toString('utf8') : key;
}

export function keyFromBytes(bytes: Uint8Array): Key {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** As ===, but from the end: neighbours begin alike, and V8 compares slices of strings in a slow way. */
export function sameKey(a: Key, b: Key): boolean {
  let at = a.length;
  if (at !== b.length) return false;
  while (at > 0) {
    at--;
    if (a.charCodeAt(at) !== b.charCodeAt(at)) return false;
  }
  return true;
}

/** Throws `usage` for a key or a value that the store does not take. */
export function checkChange({ key, value }: Change): void {
  if (key.length === 0 || key.length > keyBytesMax) {
    throw new EngineError('usage', `a key has 1 to ${keyBytesMax} bytes, not ${key.length}`);
  }
  if (value !== undefined && value.length > valueBytesMax) {
    throw new EngineError('entry-too-large', `a value has at most ${valueBytesMax} bytes, not ${value.length}`);
  }
}
