// What the updates have in common: refusals that depend on the metastore's state, explicit empty ranges, and the end of an update.

import { EngineError } from '../base/errors.ts';
import { type Offset, offset, type TopicId } from '../base/ids.ts';
import type { DomainReads } from '../domain/domain.ts';
import { encodeEmptyRangeRow, type OffsetRange } from './extent-row-format.ts';
import { emptyRangeKey, removedTopicKey, type TopicPartition } from './metastore-key-format.ts';
import { type Update, updateBytesMax } from './metastore-requests.ts';
import type { PartitionRow } from './partition-row-format.ts';
import { withoutRange } from './range-arithmetic.ts';
import type { RowDraft } from './row-draft.ts';
import { readEmptyRanges, readPartition } from './row-reads.ts';

/** The request was right once, or will be: what the metastore holds now does not fit it. */
export function conflict(problem: string, of: TopicPartition): EngineError {
  const { topicId, partition } = of;
  return new EngineError('metastore-conflict', `${topicId}/${partition}: ${problem}`, {
    context: { topicId, partition },
  });
}

export async function isRemoved(reads: DomainReads, id: TopicId): Promise<boolean> {
  return (await reads.get(removedTopicKey(id))) !== undefined;
}

/** A partition that is there and not about to go. */
export async function livePartition(reads: DomainReads, of: TopicPartition): Promise<PartitionRow> {
  const { topicId, partition } = of;
  if (await isRemoved(reads, topicId)) {
    throw new EngineError('unknown-topic-id', `topic ${topicId} is removed`, { context: { topicId } });
  }
  const row = await readPartition(reads, of);
  if (row !== undefined) return row;
  throw new EngineError('unknown-topic-or-partition', `the metastore has nothing of ${topicId}/${partition}`, {
    context: { topicId, partition },
  });
}

/** Adds an empty range; empty ranges that touch are one row. */
export async function putEmptyRange(draft: RowDraft, of: TopicPartition, range: OffsetRange): Promise<void> {
  let { baseOffset, lastOffset } = range;
  const [before] = await readEmptyRanges(draft, of, { before: baseOffset, reverse: true, limit: 1 });
  if (before?.lastOffset === baseOffset - 1) baseOffset = before.baseOffset;
  const [behind] = await readEmptyRanges(draft, of, { from: lastOffset + 1, before: lastOffset + 2, limit: 1 });
  if (behind !== undefined) {
    draft.delete(emptyRangeKey(of, behind.baseOffset));
    lastOffset = behind.lastOffset;
  }
  draft.put(emptyRangeKey(of, baseOffset), encodeEmptyRangeRow({ baseOffset, lastOffset }));
}

/** Takes a stretch out of the empty ranges. What is left of one in front of it and below the start offset goes too. */
export async function cutEmptyRanges(
  draft: RowDraft,
  of: TopicPartition,
  taken: OffsetRange,
  startOffset: Offset,
): Promise<void> {
  const before = taken.lastOffset + 1;
  const [first] = await readEmptyRanges(draft, of, { before: taken.baseOffset, reverse: true, limit: 1 });
  const touched = first !== undefined && first.lastOffset >= taken.baseOffset ? [first] : [];
  for (let from: number = taken.baseOffset; ; ) {
    const page = await readEmptyRanges(draft, of, { from, before, limit: 100 });
    touched.push(...page);
    if (page.length < 100) break;
    from = (page.at(-1) as OffsetRange).lastOffset + 1;
  }
  for (const range of touched) draft.delete(emptyRangeKey(of, range.baseOffset));
  for (const { baseOffset, lastOffset } of withoutRange<OffsetRange>(touched.map(plain), taken)) {
    if (lastOffset < startOffset) continue;
    draft.put(emptyRangeKey(of, baseOffset), encodeEmptyRangeRow({ baseOffset, lastOffset }));
  }
}

const plain = ({ baseOffset, lastOffset }: OffsetRange): OffsetRange => ({ baseOffset, lastOffset });

export function endOfTiles(range: OffsetRange): Offset {
  return offset(range.lastOffset + 1);
}

export function finishUpdate<Answer>(draft: RowDraft, answer: Answer): Update<Answer> {
  if (draft.bytes > updateBytesMax) {
    throw new EngineError('entry-too-large', `the changes of a request come to ${draft.bytes} bytes`, {
      context: { bytes: draft.bytes, bytesMax: updateBytesMax },
      hint: 'split it: an object can be added in parts',
    });
  }
  return { changes: draft.changes(), answer };
}
