// How object rows come and go: preregistered before the upload, so that an orphan can always be found; expired when nothing was added
// in time; removed when the collector has deleted the object.

import { EngineError } from '../base/errors.ts';
import type { TimestampMs } from '../base/ids.ts';
import type { DomainReads } from '../domain/domain.ts';
import { type ObjectId, objectKey } from './metastore-key-format.ts';
import {
  type ExpirePreregistrationsRequest,
  type RemoveObjectsRequest,
  stepRowsMax,
  type Update,
} from './metastore-requests.ts';
import { encodeObjectRow, type ObjectRow } from './object-row-format.ts';
import { checkUuid, refuse } from './request-policy.ts';
import { RowDraft } from './row-draft.ts';
import { readObject } from './row-reads.ts';
import { finishUpdate } from './update-rules.ts';

/** None of the ids may be known. */
export async function preregisterObjects(
  reads: DomainReads,
  request: { readonly objectIds: readonly ObjectId[] },
  nowMs: TimestampMs,
): Promise<Update<void>> {
  const draft = new RowDraft(reads);
  for (const objectId of checkIds(request.objectIds)) {
    if ((await readObject(draft, objectId)) !== undefined) {
      throw new EngineError('metastore-conflict', `object ${objectId} exists already`, { context: { objectId } });
    }
    draft.put(objectKey(objectId), encodeObjectRow(preregistered(objectId, nowMs)));
  }
  return finishUpdate(draft, undefined);
}

function preregistered(objectId: ObjectId, lastUpdatedMs: TimestampMs): ObjectRow {
  const nothing = { totalBytes: 0, removedBytes: 0, sizeBytes: 0, footerPosition: 0 };
  return { objectId, state: 'preregistered', ...nothing, lastUpdatedMs };
}

/**
 * Ends the waiting for objects that were not added, or not to the end, in time: a late add of them takes nothing from then on, and
 * those that nothing uses can be collected. Answers which ones it were.
 */
export async function expirePreregistrations(
  reads: DomainReads,
  request: ExpirePreregistrationsRequest,
  nowMs: TimestampMs,
): Promise<Update<ObjectId[]>> {
  const draft = new RowDraft(reads);
  const expired: ObjectId[] = [];
  for (const objectId of checkIds(request.objectIds)) {
    const row = await readObject(draft, objectId);
    if (row === undefined || row.state === 'complete' || row.lastUpdatedMs > request.lastUpdatedAtMost) continue;
    draft.put(objectKey(objectId), encodeObjectRow({ ...row, state: 'complete', lastUpdatedMs: nowMs }));
    expired.push(objectId);
  }
  return finishUpdate(draft, expired);
}

/**
 * Forgets objects that nothing uses and that a flushed manifest shows as such. A row that has changed since that flush stays: what is
 * flushed may still lead to the object. Answers which ones went.
 */
export async function removeObjects(reads: DomainReads, request: RemoveObjectsRequest): Promise<Update<ObjectId[]>> {
  const draft = new RowDraft(reads);
  const removed: ObjectId[] = [];
  const flushed = new Map(request.flushedRows.map((row) => [row.objectId, row]));
  for (const objectId of checkIds(request.flushedRows.map((row) => row.objectId))) {
    const row = await readObject(draft, objectId);
    if (row === undefined || !isCollectable(row) || !isSameRow(row, flushed.get(objectId) as ObjectRow)) continue;
    draft.delete(objectKey(objectId));
    removed.push(objectId);
  }
  return finishUpdate(draft, removed);
}

/** Whether no extent uses the object and none will. */
export function isCollectable(row: ObjectRow): boolean {
  return row.state === 'complete' && row.removedBytes === row.totalBytes;
}

function isSameRow(a: ObjectRow, b: ObjectRow): boolean {
  return encodeObjectRow(a).equals(encodeObjectRow(b));
}

function checkIds(ids: readonly ObjectId[]): Set<ObjectId> {
  if (ids.length > stepRowsMax) throw refuse(`${ids.length} objects in one request; at most ${stepRowsMax}`);
  for (const id of ids) checkUuid(id);
  return new Set(ids);
}
