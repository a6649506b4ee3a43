// How far reading a topic has come: per partition towards its end, or towards a number of records, whichever is nearer.

import type { OffsetRange } from '../engine/admin/admin.ts';
import type { Goal, PartitionSnapshot, TransferSnapshot } from './screens/transfer-state.ts';

export class ReadingProgress {
  readonly #count: number | undefined;
  readonly #ranges = new Map<number, OffsetRange & { next: number }>();

  constructor(count: number | undefined) {
    this.#count = count;
  }

  begin(ranges: readonly OffsetRange[]): void {
    for (const range of [...ranges].sort((a, b) => a.partition - b.partition)) {
      this.#ranges.set(range.partition, { ...range, next: range.start });
    }
  }

  /** Everything of the partition below `next` is done with. */
  reach(partition: number, next: number): void {
    const range = this.#ranges.get(partition);
    if (range !== undefined) range.next = next;
  }

  snapshot(records: number, bytes: number): TransferSnapshot {
    const partitions = this.#towardsEnd();
    const goals: Goal[] = [];
    if (partitions !== undefined) goals.push({ done: sum(partitions, 'done'), total: sum(partitions, 'total') });
    if (this.#count !== undefined) goals.push({ done: records, total: this.#count });
    const goal = goals.sort((a, b) => a.total - a.done - (b.total - b.done))[0];
    return {
      records,
      bytes,
      ...(goal === undefined ? {} : { goal }),
      ...(partitions === undefined ? {} : { partitions }),
    };
  }

  /** Undefined before the ends are known, and where there are none. */
  #towardsEnd(): PartitionSnapshot[] | undefined {
    const shown: PartitionSnapshot[] = [];
    for (const { partition, start, end, next } of this.#ranges.values()) {
      if (end === undefined) return undefined;
      const total = Math.max(0, end - start);
      shown.push({ partition, done: Math.min(total, Math.max(0, next - start)), total });
    }
    return shown.length === 0 ? undefined : shown;
  }
}

const sum = (goals: readonly Goal[], field: keyof Goal): number =>
  goals.reduce((total, goal) => total + goal[field], 0);
