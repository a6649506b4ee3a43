// The first half of a pass: reads what is dirty from its beginning and maps every key to its last offset, until everything is mapped
// or the map is full. Only whole batches are mapped. Records without a key, and batches that cannot be looked into, are passed over.

import { EngineError } from '../base/errors.ts';
import { type Offset, offset } from '../base/ids.ts';
import { readBaseOffset } from '../records/record-batch-format.ts';
import { type RecordCursor, unpackBatch } from '../records/records.ts';
import { Breather, type CompactorWork, type JobRun } from './compactor-work.ts';
import { digestOf, KeyMap } from './key-map.ts';
import type { LocatedExtent, MaintainedPartition } from './maintained-partition.ts';
import { batchesOf, oldExtents } from './old-extents.ts';

export interface MappedKeys {
  readonly map: KeyMap;
  /** Every key from the beginning up to here, exclusive, is in the map. */
  readonly mappedEnd: Offset;
  /** The offset that the rewrite has to reach: the last of the extent that mapping ended in. */
  readonly lastOffset: Offset;
  /** Those that were read, the last perhaps in part. */
  readonly extents: readonly LocatedExtent[];
}

/** What is mapped at most: from an offset up to another, exclusive. Who asks owns the map. Throws `key-map-too-small`. */
export async function mapKeys(
  work: CompactorWork,
  partition: MaintainedPartition,
  { from, end, run }: { readonly from: Offset; readonly end: Offset; readonly run: JobRun },
): Promise<MappedKeys> {
  const map = new KeyMap({ bytesMax: work.settings.keysBytes(), keysMax: end - from });
  try {
    const { mappedExtents, groupBytes } = work.limits;
    const wanted = { min: from, max: end - 1, limit: mappedExtents, bytesMax: groupBytes };
    const page = await oldExtents(work, partition, wanted);
    const mapper = new Mapper(work, map, from);
    const read: LocatedExtent[] = [];
    for (const extent of page.extents) {
      const full = await mapper.mapExtent(partition, extent, run);
      if (full?.isUntouched === true) {
        if (read.length === 0) throw tooSmall(work, partition, full.batchOffset);
        return { map, mappedEnd: extent.baseOffset, lastOffset: offset(extent.baseOffset - 1), extents: read };
      }
      read.push(extent);
      if (full !== undefined) {
        return { map, mappedEnd: offset(full.batchOffset), lastOffset: extent.lastOffset, extents: read };
      }
    }
    const last = page.isLast ? offset(end - 1) : (read.at(-1) as LocatedExtent).lastOffset;
    return { map, mappedEnd: offset(last + 1), lastOffset: last, extents: read };
  } catch (error) {
    map[Symbol.dispose]();
    throw error;
  }
}

class Mapper {
  readonly #work: CompactorWork;
  readonly #map: KeyMap;
  readonly #from: Offset;
  readonly #breather: Breather;

  constructor(work: CompactorWork, map: KeyMap, from: Offset) {
    this.#work = work;
    this.#map = map;
    this.#from = from;
    this.#breather = new Breather(work.pause);
  }

  /** Undefined when all of it is mapped; else the batch that did not fit, and whether it is the first one. */
  async mapExtent(
    partition: MaintainedPartition,
    extent: LocatedExtent,
    run: JobRun,
  ): Promise<{ readonly batchOffset: number; readonly isUntouched: boolean } | undefined> {
    let isUntouched = true;
    for await (const batch of batchesOf(this.#work, partition, extent, { from: this.#from, run })) {
      const cursor = await unpackBatch(batch);
      if (cursor !== undefined && !this.#mapBatch(cursor)) return { batchOffset: readBaseOffset(batch), isUntouched };
      isUntouched = false;
      await this.#breather.after(cursor?.count ?? 0);
    }
    return undefined;
  }

  /** Whether there was room. */
  #mapBatch(cursor: RecordCursor): boolean {
    if (this.#map.room < cursor.count && !this.#hasRoomForNewKeys(cursor)) return false;
    cursor.rewind();
    while (cursor.next()) {
      const { key, offset: at } = cursor;
      if (key !== undefined && at >= this.#from) this.#map.put(digestOf(key), at);
    }
    return true;
  }

  #hasRoomForNewKeys(cursor: RecordCursor): boolean {
    const fresh = new Set<string>();
    while (cursor.next()) {
      const { key, offset: at } = cursor;
      if (key === undefined || at < this.#from) continue;
      const digest = digestOf(key);
      if (this.#map.get(digest) < 0) fresh.add(digest);
      if (fresh.size > this.#map.room) return false;
    }
    return true;
  }
}

function tooSmall(work: CompactorWork, { topicId, index }: MaintainedPartition, at: number): EngineError {
  const bytes = work.settings.keysBytes();
  return new EngineError(
    'key-map-too-small',
    `${topicId}/${index}: the keys of the batch at offset ${at} do not fit cloudtopics.memory.compaction.keys.bytes=${bytes}`,
    { context: { topicId, partition: index, offset: at, bytes } },
  );
}
