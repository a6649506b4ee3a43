// Up to where the metastore in the bucket has each partition: what a partition's log may be trimmed by.
//
// After an addition the metastore says a next offset at some index of its domain's log; once the domain's flushed manifest covers that
// index, that next offset is flushed. Two notes for a partition are enough: the oldest that is not flushed, and the newest.

import { type Offset, offset } from '../base/ids.ts';
import type { LedPartition } from '../partition/partition.ts';

/** How far a metastore domain is. */
export interface DomainProgress {
  /** Index of the last entry of its log that is applied. */
  readonly appliedIndex: () => number;
  /** Of the last one that a recorded manifest covers. */
  readonly coveredIndex: () => number;
}

interface Mark {
  readonly index: number;
  readonly nextOffset: Offset;
}

interface Noted {
  readonly domain: number;
  flushed: Offset;
  oldest: Mark | undefined;
  newest: Mark | undefined;
}

export class FlushLedger {
  readonly #domains: readonly DomainProgress[];
  readonly #noted = new WeakMap<LedPartition, Noted>();

  constructor(domains: readonly DomainProgress[]) {
    this.#domains = domains;
  }

  /** The metastore has the partition up to here; whatever it has said was applied before this call. */
  note(leader: LedPartition, domain: number, nextOffset: Offset): void {
    const noted = this.#of(leader, domain);
    const mark = { index: this.#progress(domain).appliedIndex(), nextOffset };
    if (noted.oldest === undefined) noted.oldest = mark;
    else noted.newest = mark;
  }

  /** Up to where the partition is flushed. One that is new here counts with its LRO once its domain was flushed again. */
  flushedEnd(leader: LedPartition, domain: number): Offset {
    const noted = this.#of(leader, domain);
    const covered = this.#progress(domain).coveredIndex();
    for (let mark = noted.oldest; mark !== undefined && mark.index <= covered; mark = noted.oldest) {
      noted.flushed = offset(Math.max(noted.flushed, mark.nextOffset));
      noted.oldest = noted.newest;
      noted.newest = undefined;
    }
    return noted.flushed;
  }

  #of(leader: LedPartition, domain: number): Noted {
    let noted = this.#noted.get(leader);
    if (noted === undefined) {
      noted = { domain, flushed: offset(0), oldest: undefined, newest: undefined };
      this.#noted.set(leader, noted);
      if (leader.reconciledEnd > 0) this.note(leader, domain, leader.reconciledEnd);
    }
    return noted;
  }

  #progress(domain: number): DomainProgress {
    return this.#domains[domain] as DomainProgress;
  }
}
