// Removes all that the metastore has of topics, in bounded steps. The first step leaves a `removed/` row for each, which stays: a
// reconciler that is late adds nothing any more.

import type { TimestampMs, TopicId } from '../base/ids.ts';
import type { DomainReads } from '../domain/domain.ts';
import {
  compactionKey,
  partitionKey,
  producersPrefix,
  removedTopicKey,
  termsPrefix,
  topicPartitionsPrefix,
} from './metastore-key-format.ts';
import { type RemoveTopicsAnswer, type RemoveTopicsRequest, stepRowsMax, type Update } from './metastore-requests.ts';
import { ObjectLedger } from './object-ledger.ts';
import { encodeRemovedTopicRow } from './object-row-format.ts';
import { decodePartitionRow, type PartitionRow } from './partition-row-format.ts';
import { checkUuid, refuse } from './request-policy.ts';
import { RowDraft } from './row-draft.ts';
import { advanceStart } from './start-offset.ts';
import { finishUpdate, isRemoved } from './update-rules.ts';

export async function removeTopics(
  reads: DomainReads,
  request: RemoveTopicsRequest,
  nowMs: TimestampMs,
): Promise<Update<RemoveTopicsAnswer>> {
  if (request.topicIds.length > stepRowsMax) {
    throw refuse(`${request.topicIds.length} topics in one request; at most ${stepRowsMax}`);
  }
  for (const id of request.topicIds) checkUuid(id);
  const draft = new RowDraft(reads);
  const ledger = new ObjectLedger(draft, nowMs);
  const budget: Budget = { rows: stepRowsMax };
  const notRemoved: TopicId[] = [];
  for (const id of new Set(request.topicIds)) {
    if (!(await isRemoved(draft, id))) draft.put(removedTopicKey(id), encodeRemovedTopicRow(nowMs));
    if (!(await removeTopic(draft, id, ledger, budget))) notRemoved.push(id);
  }
  ledger.save();
  return finishUpdate(draft, { notRemoved });
}

/** What the step may still remove; below zero where the last partition took more. */
interface Budget {
  rows: number;
}

/** Whether nothing is left of the topic. */
async function removeTopic(draft: RowDraft, id: TopicId, ledger: ObjectLedger, budget: Budget): Promise<boolean> {
  // Also with nothing left to spend, one row tells whether the topic is gone.
  const limit = Math.max(0, budget.rows) + 1;
  const rows = await draft.scan({ prefix: topicPartitionsPrefix(id), limit });
  for (const { key, value } of rows) {
    if (budget.rows <= 0 || !(await removePartition(draft, decodePartitionRow(key, value), ledger, budget)))
      return false;
  }
  return true;
}

/** Extents first, from the start on, so that what is left is always a whole partition; its own row goes last. */
async function removePartition(
  draft: RowDraft,
  row: PartitionRow,
  ledger: ObjectLedger,
  budget: Budget,
): Promise<boolean> {
  if (row.startOffset < row.nextOffset) {
    const { row: moved, rowsGone } = await advanceStart(draft, row, row.nextOffset, ledger, budget.rows);
    budget.rows -= rowsGone;
    if (moved.startOffset < moved.nextOffset) return false;
  }
  for (const prefix of [termsPrefix(row), producersPrefix(row)]) {
    const rows = await draft.scan({ prefix, limit: Math.max(0, budget.rows) + 1 });
    for (const { key } of rows) {
      if (budget.rows <= 0) return false;
      draft.delete(key);
      budget.rows -= 1;
    }
  }
  draft.delete(compactionKey(row));
  draft.delete(partitionKey(row));
  budget.rows -= 1;
  return true;
}
