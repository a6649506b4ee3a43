// Scans of a domain, on a live LSM store or on a view of one: the options in text become bounds of byte strings.

import { type Key, keyFromText, type LsmReads, type LsmSnapshot, type RangeOptions, textFromKey } from '../lsm/lsm.ts';
import type { DomainRow, ScanOptions } from './domain.ts';

export async function getRow(reads: LsmReads, key: string, snapshot?: LsmSnapshot): Promise<Buffer | undefined> {
  return key === '' ? undefined : reads.get(keyFromText(key), snapshot);
}

/** Rows between two turns of the event loop. */
const rowsAtATime = 1024;

export async function scanRows(
  reads: LsmReads,
  options: ScanOptions,
  pause: () => Promise<void>,
  snapshot?: LsmSnapshot,
): Promise<DomainRow[]> {
  const { reverse = false, limit = Number.POSITIVE_INFINITY } = options;
  const { lower, upper } = keyRange(options);
  const rows: DomainRow[] = [];
  if (limit <= 0 || (upper !== undefined && lower >= upper)) return rows;
  const range: RangeOptions = {
    ...(lower === '' ? {} : { lower }),
    ...(upper === undefined ? {} : { upper }),
    ...(snapshot === undefined ? {} : { snapshot }),
    sequential: limit > rowsAtATime,
  };
  using iterator = reads.iterator(range);
  let wait = reverse ? iterator.last() : iterator.first();
  if (wait !== undefined) await wait;
  while (iterator.valid) {
    rows.push({ key: textFromKey(iterator.key), value: iterator.value() });
    if (rows.length >= limit) break;
    if (rows.length % rowsAtATime === 0) await pause();
    wait = reverse ? iterator.previous() : iterator.next();
    if (wait !== undefined) await wait;
  }
  return rows;
}

/** [lower, upper): all bounds of the options together. */
export function keyRange({ prefix, after, from, before }: ScanOptions): { lower: Key; upper: Key | undefined } {
  let lower: Key = '';
  let upper: Key | undefined;
  const atLeast = (key: Key): void => {
    if (key > lower) lower = key;
  };
  const below = (key: Key): void => {
    if (upper === undefined || key < upper) upper = key;
  };
  if (from !== undefined) atLeast(keyFromText(from));
  // The smallest byte string behind a key.
  if (after !== undefined) atLeast(`${keyFromText(after)}\0`);
  if (before !== undefined) below(keyFromText(before));
  if (prefix !== undefined && prefix !== '') {
    const start = keyFromText(prefix);
    atLeast(start);
    const end = behindPrefix(start);
    if (end !== undefined) below(end);
  }
  return { lower, upper };
}

/** The smallest byte string above all that begin with the prefix; none when it is all 0xff. */
function behindPrefix(prefix: Key): Key | undefined {
  for (let at = prefix.length - 1; at >= 0; at--) {
    const byte = prefix.charCodeAt(at);
    if (byte < 0xff) return prefix.slice(0, at) + String.fromCharCode(byte + 1);
  }
  return undefined;
}
