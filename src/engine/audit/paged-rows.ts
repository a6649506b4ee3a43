// All rows of a domain within bounds, a page at a time, so that memory stays bounded however many there are.

import type { DomainReads, DomainRow, ScanOptions } from '../domain/domain.ts';

/** Values have at most 1 MiB and nearly all of them a few dozen bytes. */
const pageRows = 256;

export async function* pagedRows(reads: DomainReads, bounds: ScanOptions): AsyncGenerator<DomainRow> {
  let left = bounds.limit ?? Number.POSITIVE_INFINITY;
  for (let place: ScanOptions = bounds; left > 0; ) {
    const limit = Math.min(pageRows, left);
    const page = await reads.scan({ ...place, limit });
    yield* page;
    left -= page.length;
    const last = page.at(-1);
    if (last === undefined || page.length < limit) return;
    place = bounds.reverse === true ? { ...bounds, before: last.key } : { ...bounds, after: last.key };
  }
}
