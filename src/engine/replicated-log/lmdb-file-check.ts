// A look at data.mdb before LMDB maps it into memory: lmdb-js ends the process with a segmentation fault on a file that is not
// LMDB's, and reading a mapped page behind the end of a file that was cut short is a SIGBUS.
//
// Root page (two of them, at 0 and 4096): 24 bytes of page header, magic:u32 version:u32 address:u64 mapSize:u64 two tables of 48
// bytes, lastPage:u64 transaction:u64, all in the machine's (little-endian) order.

import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { corruptLog } from './embedded-log-format.ts';

const pageBytes = 4096;
const magic = 0xbeefc0de;
const magicAt = 24;
const lastPageAt = 144;
const transactionAt = 152;

/** Throws `corrupt-log` when there is a file and it is not LMDB's. A file that ends too early gets its missing pages as zeros. */
export function checkLmdbFile(path: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    const { size } = fstatSync(descriptor);
    if (size === 0) return; // a creation that went no further
    const roots = Buffer.alloc(2 * pageBytes);
    readSync(descriptor, roots, 0, roots.length, 0);
    let lastPage = 0;
    let transaction = -1;
    for (const root of [roots.subarray(0, pageBytes), roots.subarray(pageBytes)]) {
      if (size < roots.length || root.readUInt32LE(magicAt) !== magic) {
        throw corruptLog(`${path} is not a log`, { path, bytes: size });
      }
      const number = Number(root.readBigUInt64LE(transactionAt));
      if (number <= transaction) continue;
      transaction = number;
      lastPage = Number(root.readBigUInt64LE(lastPageAt));
    }
    // Pages that were allocated and never written may be missing rightly, so this is no error by itself: what a page that
    // matters has lost shows when it is read.
    const needed = (lastPage + 1) * pageBytes;
    if (Number.isSafeInteger(needed) && size < needed) ftruncateSync(descriptor, needed);
  } finally {
    closeSync(descriptor);
  }
}
