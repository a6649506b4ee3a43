// Splits an addition that no entry of the log can hold into several that fit, between partitions. Pure.
//
// The parts are in the order of the request. Objects of which extents follow in later parts are partial until then. A partition is
// never split: what it adds belongs together, and where it is too large by itself it makes a part that is refused.

import { type AddObjectsRequest, type PartitionAddition, updateBytesMax } from './metastore-requests.ts';
import { rankOf } from './summary-row-format.ts';

/** More than any change of a row takes, but that of a producer. */
const rowBytesMax = 140;
const producerBytes = 100;
const producerBatchBytes = 16;

export function splitAddition(request: AddObjectsRequest): AddObjectsRequest[] {
  const parts: PartitionAddition[][] = [[]];
  let bytes = request.objects.length * rowBytesMax;
  for (const one of request.partitions) {
    const more = bytesAtMost(one);
    if (bytes + more > updateBytesMax && parts.at(-1)?.length !== 0) {
      parts.push([]);
      bytes = request.objects.length * rowBytesMax;
    }
    parts.at(-1)?.push(one);
    bytes += more;
  }
  if (parts.length === 1) return [request];
  const named = parts.map((part) => new Set(part.flatMap(({ extents }) => extents.map(({ objectId }) => objectId))));
  return parts.map((partitions, at) => {
    const objects = request.objects.flatMap((object) => {
      const { objectId } = object;
      const last = Math.max(
        0,
        named.findLastIndex((ids) => ids.has(objectId)),
      );
      if (at !== last && named[at]?.has(objectId) !== true) return [];
      return [at < last ? { ...object, partial: true } : object];
    });
    return { objects, partitions };
  });
}

/** What the rows of a partition's addition take in a log entry, at most. */
function bytesAtMost({ extents, emptyRanges, terms, producers, forgottenProducers }: PartitionAddition): number {
  const posts = extents.reduce((sum, { baseOffset }) => sum + rankOf(baseOffset), 0);
  // An empty range may take the place of the one that it touches.
  const rows = 1 + extents.length + posts + 2 * emptyRanges.length + terms.length + forgottenProducers.length;
  const batches = producers.reduce((sum, one) => sum + one.batches.length, 0);
  return rows * rowBytesMax + producers.length * producerBytes + batches * producerBatchBytes;
}
