// Which records a compaction keeps, by Kafka's rules: the last of each key; tombstones until they have been clean for long enough; what
// has no key. Counts what goes, and notes which of the ranges that become clean still hold tombstones.

import type { RecordCursor } from '../records/records.ts';
import type { JobTally } from './compactor-work.ts';
import { digestOf, type KeyMap } from './key-map.ts';
import type { OffsetRange } from './maintained-partition.ts';

export class RecordFilter {
  readonly #map: KeyMap | undefined;
  readonly #removable: readonly OffsetRange[];
  readonly #cleaned: readonly OffsetRange[];
  readonly #withTombstones = new Set<OffsetRange>();
  readonly #tally: JobTally;

  constructor(of: {
    /** Undefined where only tombstones go. */
    readonly map: KeyMap | undefined;
    readonly removable: readonly OffsetRange[];
    readonly cleaned: readonly OffsetRange[];
    readonly tally: JobTally;
  }) {
    this.#map = of.map;
    this.#removable = of.removable;
    this.#cleaned = of.cleaned;
    this.#tally = of.tally;
  }

  readonly keep = (record: RecordCursor): boolean => {
    const { key, offset, isTombstone } = record;
    if (key === undefined) return true;
    if (this.#map !== undefined && this.#map.get(digestOf(key)) > offset) {
      this.#tally.recordsRemoved += 1;
      return false;
    }
    if (!isTombstone) return true;
    if (rangeOf(this.#removable, offset) !== undefined) {
      this.#tally.recordsRemoved += 1;
      this.#tally.tombstonesRemoved += 1;
      return false;
    }
    const cleaned = rangeOf(this.#cleaned, offset);
    if (cleaned !== undefined) this.#withTombstones.add(cleaned);
    return true;
  };

  /** Whether a tombstone was kept in one of the ranges that become clean. */
  hasTombstones(range: OffsetRange): boolean {
    return this.#withTombstones.has(range);
  }
}

/** Ranges are sorted and do not overlap. */
function rangeOf(ranges: readonly OffsetRange[], offset: number): OffsetRange | undefined {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle] as OffsetRange).lastOffset < offset) low = middle + 1;
    else high = middle;
  }
  const found = ranges[low];
  return found !== undefined && found.baseOffset <= offset ? found : undefined;
}
