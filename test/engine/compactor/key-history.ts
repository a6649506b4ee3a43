// What was produced to a compacted partition, in memory, and the judgement of what is read back: Kafka's rules, without a word of how a
// compactor keeps them.

import type { ReadRecord } from './compactor-stage.ts';

export class KeyHistory {
  readonly #written = new Map<number, ReadRecord & { readonly atMs: number }>();
  readonly #lastOfKey = new Map<string, number>();

  write(record: ReadRecord, atMs: number): void {
    this.#written.set(record.offset, { ...record, atMs });
    if (record.key !== null) this.#lastOfKey.set(record.key, record.offset);
  }

  /** What is wrong with what is read from a log start on; tombstones younger than the retention must be there. */
  judge(
    read: readonly ReadRecord[],
    { logStart, nowMs, deleteRetentionMs }: { logStart: number; nowMs: number; deleteRetentionMs: number },
  ): string[] {
    const problems: string[] = [];
    let before = -1;
    for (const { offset, ...record } of read) {
      if (offset <= before) problems.push(`offset ${offset} comes behind ${before}`);
      before = offset;
      const { atMs: _, offset: __, ...written } = this.#written.get(offset) ?? { atMs: 0, offset: 0 };
      if (JSON.stringify(written) !== JSON.stringify(record)) problems.push(`offset ${offset} is another record`);
    }
    const there = new Set(read.map(({ offset }) => offset));
    for (const { offset, key, value, atMs } of this.#written.values()) {
      if (offset < logStart || there.has(offset)) continue;
      if (key === null) problems.push(`offset ${offset}, without a key, is gone`);
      else if (this.#lastOfKey.get(key) !== offset) continue;
      else if (value !== null) problems.push(`the last value of ${key}, at ${offset}, is gone`);
      else if (nowMs - atMs < deleteRetentionMs) problems.push(`the tombstone of ${key}, at ${offset}, is gone early`);
    }
    return [...problems, ...this.#wrongState(read, logStart)];
  }

  /** Who reads everything must end with the last value of each key, and with no other. */
  #wrongState(read: readonly ReadRecord[], logStart: number): string[] {
    const state = new Map<string, string>();
    for (const { key, value } of read) {
      if (key === null) continue;
      if (value === null) state.delete(key);
      else state.set(key, value);
    }
    const wanted = new Map<string, string>();
    for (const [key, offset] of this.#lastOfKey) {
      const value = this.#written.get(offset)?.value ?? null;
      if (offset >= logStart && value !== null) wanted.set(key, value);
    }
    const problems: string[] = [];
    for (const [key, value] of state) if (wanted.get(key) !== value) problems.push(`${key} is ${value} again`);
    for (const key of wanted.keys()) if (!state.has(key)) problems.push(`${key} is lost`);
    return problems;
  }
}

/** Keys that are there more than once. */
export function doubled(read: readonly ReadRecord[]): string[] {
  const seen = new Map<string, number>();
  for (const { key } of read) if (key !== null) seen.set(key, (seen.get(key) ?? 0) + 1);
  return [...seen].filter(([, count]) => count > 1).map(([key]) => key);
}
