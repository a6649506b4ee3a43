// How a process becomes the owner: find the cluster, judge the directory, then intention → OWNER → record (ownership-record.ts).

import type { Clock } from '../base/clock.ts';
import { EngineError, hasCode } from '../base/errors.ts';
import { incarnation } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { uuidv4 } from '../base/uuid.ts';
import type { ReplicatedLog } from '../replicated-log/replicated-log.ts';
import type { ObjectStore, PutOptions } from '../store/object-store.ts';
import {
  checkClusterName,
  claimClusterName,
  type FoundOwner,
  findCluster,
  isClusterId,
  ownerKey,
  readOwner,
} from './cluster-directory.ts';
import { type ClusterName, encodeOwner, type Owner, type OwnerStart } from './owner-format.ts';
import { Ownership } from './ownership.ts';
import { judgeOwnership } from './ownership-policy.ts';
import { forgetRecord, madeStart, type OwnershipRecord, readRecord, writeRecord } from './ownership-record.ts';

export interface TakeOwnershipOptions {
  readonly store: ObjectStore;
  /** The log of the data directory; it must be locked against other processes. */
  readonly log: ReplicatedLog;
  /** Name or id. A name that the store does not have is created. */
  readonly cluster: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Written into OWNER; 15 s where not given and not there yet. */
  readonly leaseMs?: number;
  readonly strict?: boolean;
}

const leaseMsDefault = 15_000;
/** How often a write of OWNER whose outcome is in doubt is tried again before the start is given up. */
const triesMax = 5;

export async function takeOwnership(options: TakeOwnershipOptions): Promise<Ownership> {
  const { store, log, cluster } = options;
  if (!isClusterId(cluster)) checkClusterName(cluster);
  const found = await findCluster(store, cluster);
  const record = standing(await readRecord(log), cluster, found);
  const owner = found === undefined ? undefined : await readOwner(store, found.clusterId);
  const verdict = judgeOwnership({
    storeLabel: store.label,
    cluster,
    logIdentity: log.identity,
    logUsed: (await log.groups('')).length > 0,
    record,
    found,
    owner: owner?.owner,
  });
  if (verdict === 'create') return create(options, record);
  return raise(options, record as OwnershipRecord, owner as FoundOwner);
}

/** A creation that was begun and never finished binds nobody: it counts only where it can go on. */
function standing(
  record: OwnershipRecord | undefined,
  cluster: string,
  found: ClusterName | undefined,
): OwnershipRecord | undefined {
  if (record === undefined || record.recorded !== undefined) return record;
  const goesOn = found === undefined ? record.clusterName === cluster : record.clusterId === found.clusterId;
  return goesOn ? record : undefined;
}

/** OWNER first, then the name: a name that exists leads to a whole cluster. */
async function create(options: TakeOwnershipOptions, begun: OwnershipRecord | undefined): Promise<Ownership> {
  const { store, log, cluster, random, logger } = options;
  if (isClusterId(cluster)) {
    throw new EngineError('cluster-not-found', `${store.label} has no cluster with the id ${cluster}`, {
      context: { cluster, store: store.label },
    });
  }
  const clusterId = begun?.clusterId ?? uuidv4(random);
  const start = begun?.intended.at(-1) ?? newStart(1, random);
  const record: OwnershipRecord = {
    clusterId,
    clusterName: cluster,
    incarnation: 1,
    recorded: undefined,
    intended: [start],
  };
  await writeRecord(log, record);
  const owner: Owner = {
    clusterId,
    clusterName: cluster,
    incarnation: incarnation(1),
    logIdentity: log.identity,
    leaseMs: options.leaseMs ?? leaseMsDefault,
    start,
    startedAt: new Date(options.clock.nowMs()).toISOString(),
  };
  const confirmedAt = await writeOwner(options, record, owner, { createOnly: true });
  if (confirmedAt === 'overtaken') return takeOwnership(options);
  const named = await claimClusterName(store, { name: cluster, clusterId });
  if (named.clusterId !== clusterId) {
    // Somebody created a cluster of this name meanwhile. Ours never had a name: nobody can have used it.
    await store.deleteMany([ownerKey(clusterId)]);
    await forgetRecord(log);
    return takeOwnership(options);
  }
  await writeRecord(log, { ...record, recorded: start, intended: [] });
  logger.info({ cluster, clusterId, store: store.label }, 'cluster created');
  return ownershipOf(options, owner, confirmedAt);
}

async function raise(options: TakeOwnershipOptions, record: OwnershipRecord, found: FoundOwner): Promise<Ownership> {
  const { log, random, logger } = options;
  const { owner: before, etag } = found;
  const start = newStart(before.start.counter + 1, random);
  // OWNER may show an intention of ours; it becomes the record, and the older intentions stay until this start is recorded.
  const begun = { ...record, recorded: before.start, intended: [...record.intended, start] };
  await writeRecord(log, begun);
  const owner: Owner = {
    ...before,
    leaseMs: options.leaseMs ?? before.leaseMs,
    start,
    startedAt: new Date(options.clock.nowMs()).toISOString(),
  };
  const confirmedAt = await writeOwner(options, begun, owner, { ifMatch: etag });
  if (confirmedAt === 'overtaken') return takeOwnership(options);
  await writeRecord(log, { ...begun, recorded: start, intended: [] });
  logger.info({ cluster: owner.clusterName, clusterId: owner.clusterId, start: start.counter }, 'the cluster is ours');
  return ownershipOf(options, owner, confirmedAt);
}

interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/**
 * Writes OWNER, and when the outcome is in doubt reads back whose it is. Returns when the request that settled it began.
 * `overtaken`: a write of an earlier start of this log arrived late; everything is to be judged again.
 */
async function writeOwner(
  options: TakeOwnershipOptions,
  record: OwnershipRecord,
  owner: Owner,
  condition: PutOptions,
): Promise<Instant | 'overtaken'> {
  const { store, clock } = options;
  const key = ownerKey(owner.clusterId);
  const body = [encodeOwner(owner)];
  for (let tries = 1; ; tries++) {
    const began: Instant = { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() };
    try {
      await store.put(key, body, condition);
      return began;
    } catch (error) {
      if (!hasCode(error, 'precondition-failed', 'store-timeout', 'store-unavailable')) throw error;
      const readBegan: Instant = { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() };
      const found = await readOwner(store, owner.clusterId);
      if (found !== undefined && found.owner.start.nonce === owner.start.nonce) return readBegan;
      const unchanged = found?.etag === condition.ifMatch;
      if (!unchanged) {
        if (found !== undefined && madeStart(record, found.owner.start)) return 'overtaken';
        throw raced(owner, found?.owner);
      }
      // A write that timed out may still arrive; the condition makes trying again safe.
      if (tries >= triesMax) throw error;
    }
  }
}

function raced(mine: Owner, now: Owner | undefined): EngineError {
  return new EngineError('owner-mismatch', `another process took cluster ${mine.clusterName} while this one started`, {
    context: {
      case: 'raced',
      clusterId: mine.clusterId,
      startCounter: mine.start.counter,
      ownerStartCounter: now?.start.counter,
      ownerIncarnation: now?.incarnation,
    },
  });
}

function newStart(counter: number, random: Random): OwnerStart {
  return { counter, nonce: uuidv4(random) };
}

function ownershipOf(options: TakeOwnershipOptions, owner: Owner, confirmedAt: Instant): Ownership {
  const { store, clock } = options;
  return new Ownership({ store, clock, owner, confirmedAt, strict: options.strict ?? false });
}
