// What a key may be, and how keys are ordered: by their UTF-8 bytes as a whole, as on S3.
// Everything that takes a key from a caller checks it here, so that no adapter has rules of its own.

import { EngineError } from '../base/errors.ts';

export const keyBytesMax = 1024;

/** Throws `usage` for keys that some adapter could not store, or could not list under the same name. */
export function checkKey(key: string): void {
  const problem = keyProblem(key);
  if (problem !== undefined)
    throw new EngineError('usage', `object key ${JSON.stringify(key.slice(0, 200))} ${problem}`);
}

function keyProblem(key: string): string | undefined {
  if (key === '') return 'is empty';
  if (!key.isWellFormed()) return 'is not well-formed Unicode';
  if (key.length > keyBytesMax || Buffer.byteLength(key) > keyBytesMax) return `is longer than ${keyBytesMax} bytes`;
  if (key.startsWith('/') || key.endsWith('/')) return 'begins or ends with "/"';
  for (let at = 0; at < key.length; at++) {
    const unit = key.charCodeAt(at);
    if (unit < 0x20 || unit === 0x7f) return 'holds a control character';
    if (unit >= 0xfffe) return 'holds a noncharacter, which XML cannot carry';
  }
  for (const segment of key.split('/')) {
    if (segment === '') return 'holds "//"';
    if (segment === '.' || segment === '..') return `holds the segment "${segment}"`;
  }
  return undefined;
}

/** Negative, zero or positive: the order of the keys' UTF-8 bytes. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const unitA = a.charCodeAt(at);
    const unitB = b.charCodeAt(at);
    if (unitA !== unitB) return utf8Rank(unitA) - utf8Rank(unitB);
  }
  return a.length - b.length;
}

/** UTF-16 puts surrogates (U+10000 and above) below U+E000…U+FFFF; UTF-8 puts them above. */
function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
