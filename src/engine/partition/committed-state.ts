// What a partition's log says: the effect of its committed entries, one after the other. Replaying them gives the same state.

import {
  type ClusterEpoch,
  noStamp,
  type Offset,
  offset,
  type Stamp,
  type Term,
  type TimestampMs,
  timestampMs,
} from '../base/ids.ts';
import type { Placeholder } from './placeholder-format.ts';

interface TermStart {
  readonly term: Term;
  readonly startOffset: Offset;
}

export class CommittedState {
  /** The high watermark. */
  nextOffset: Offset = offset(0);
  logStartOffset: Offset = offset(0);
  /** Stamp of the batch below `nextOffset`. */
  lastStamp: Stamp = noStamp;
  /** LRO + 1: offsets below are read from L1, from there on from L0. Never above what the metastore has of the partition. */
  reconciledEnd: Offset = offset(0);
  /** Greatest cluster epoch of a placeholder, and the one before it: the window that admission looks at. */
  appliedEpoch: ClusterEpoch;
  previousEpoch: ClusterEpoch;
  maxTimestamp: TimestampMs = timestampMs(-1);
  /** Base offset of the batch with the greatest timestamp. */
  maxTimestampOffset: Offset = offset(0);
  readonly terms: TermStart[] = [];

  constructor(creationEpoch: ClusterEpoch) {
    this.appliedEpoch = creationEpoch;
    this.previousEpoch = creationEpoch;
  }

  applyBatch(batch: Pick<Placeholder, 'baseOffset' | 'lastOffset' | 'stamp' | 'maxTimestamp'>): void {
    this.nextOffset = offset(batch.lastOffset + 1);
    this.lastStamp = batch.stamp;
    if (this.terms.at(-1)?.term !== batch.stamp.term) {
      this.terms.push({ term: batch.stamp.term, startOffset: batch.baseOffset });
    }
    if (batch.maxTimestamp > this.maxTimestamp) {
      this.maxTimestamp = batch.maxTimestamp;
      this.maxTimestampOffset = batch.baseOffset;
    }
  }

  applyEpoch(epoch: ClusterEpoch): void {
    if (epoch <= this.appliedEpoch) return;
    this.previousEpoch = this.appliedEpoch;
    this.appliedEpoch = epoch;
  }

  applyLogStart(start: Offset): void {
    if (start > this.logStartOffset) this.logStartOffset = start;
  }

  applyReconciled(end: Offset): void {
    if (end > this.reconciledEnd) this.reconciledEnd = end;
  }

  /** The largest term at or below `requested` with its end offset; the open end is the high watermark. */
  endOffsetOfTerm(requested: Term, current: Term): { readonly term: Term; readonly endOffset: Offset } | undefined {
    if (requested > current) return undefined;
    if (requested === current) return { term: current, endOffset: this.nextOffset };
    for (let at = this.terms.length - 1; at >= 0; at--) {
      const start = this.terms[at] as TermStart;
      if (start.term > requested) continue;
      return { term: start.term, endOffset: this.terms[at + 1]?.startOffset ?? this.nextOffset };
    }
    const first = this.terms[0];
    return first === undefined ? undefined : { term: requested, endOffset: first.startOffset };
  }
}
