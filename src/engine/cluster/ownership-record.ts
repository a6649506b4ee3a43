// The log's side of the agreement with OWNER: which cluster it belongs to, and which start it last made or meant to make.
//
// A start first records what it is about to write into OWNER, then writes OWNER, then records that it did. A crash in between
// leaves an intention that matches OWNER; an old copy of the directory has neither. Intentions are kept until a start is recorded,
// because a write that timed out may still arrive.

import { EngineError } from '../base/errors.ts';
import type { ReplicatedLog } from '../replicated-log/replicated-log.ts';
import type { OwnerStart } from './owner-format.ts';

const metaName = 'owner';
/** Starts in a row that may fail between intention and record. */
const intendedMax = 64;

export interface OwnershipRecord {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly incarnation: number;
  /** Undefined until the cluster is created. */
  readonly recorded: OwnerStart | undefined;
  readonly intended: readonly OwnerStart[];
}

export async function readRecord(log: ReplicatedLog): Promise<OwnershipRecord | undefined> {
  const text = await log.readMeta(metaName);
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as OwnershipRecord;
    const sound =
      typeof record.clusterId === 'string' &&
      typeof record.clusterName === 'string' &&
      Number.isSafeInteger(record.incarnation) &&
      Array.isArray(record.intended);
    if (sound) return record;
  } catch {
    // Falls through to the error below.
  }
  throw new EngineError('corrupt-log', 'what the log recorded about its cluster cannot be read');
}

export async function writeRecord(log: ReplicatedLog, record: OwnershipRecord): Promise<void> {
  await log.writeMeta(metaName, JSON.stringify({ ...record, intended: record.intended.slice(-intendedMax) }));
}

export async function forgetRecord(log: ReplicatedLog): Promise<void> {
  await log.writeMeta(metaName, undefined);
}

/** Whether this log made the start. */
export function madeStart(record: OwnershipRecord, start: OwnerStart): boolean {
  const own = record.recorded === undefined ? record.intended : [record.recorded, ...record.intended];
  return own.some((mine) => mine.counter === start.counter && mine.nonce === start.nonce);
}
