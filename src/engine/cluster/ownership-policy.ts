// Whether a data directory may start on what the store says: a pure decision over the log's record and the OWNER object.

import { EngineError } from '../base/errors.ts';
import type { ClusterName, Owner } from './owner-format.ts';
import { madeStart, type OwnershipRecord } from './ownership-record.ts';

/** Why a directory is refused; in the error's context, for scripts. */
export type MismatchCase =
  | 'fresh-directory'
  | 'unknown-log'
  | 'other-cluster'
  | 'cluster-missing'
  | 'restored-elsewhere'
  | 'other-log'
  | 'stale-directory';

export interface OwnershipEvidence {
  readonly storeLabel: string;
  /** What the operator asked for. */
  readonly cluster: string;
  readonly logIdentity: string;
  /** Whether the log has any groups. */
  readonly logUsed: boolean;
  readonly record: OwnershipRecord | undefined;
  /** What the store has under the name; undefined when there is no such cluster. */
  readonly found: ClusterName | undefined;
  readonly owner: Owner | undefined;
}

/** `create`: no cluster, and nothing speaks against making one. `start`: OWNER is this log's. Throws `owner-mismatch` otherwise. */
export function judgeOwnership(evidence: OwnershipEvidence): 'create' | 'start' {
  const { record, found, owner } = evidence;
  if (found === undefined) return judgeWithoutCluster(evidence);
  if (record === undefined) {
    if (evidence.logUsed) throw unknownLog(evidence);
    throw mismatch(
      evidence,
      'fresh-directory',
      'the store has this cluster already, and the data directory is new',
      `cloudtopics restore --cluster ${found.name} (to rebuild the directory from the bucket), or point --data-dir at the cluster's own directory`,
    );
  }
  if (record.clusterId !== found.clusterId) throw otherCluster(evidence, record);
  if (owner === undefined) {
    throw new EngineError('object-not-found', `cluster ${found.clusterId} has a name and no OWNER object`, {
      context: { clusterId: found.clusterId, store: evidence.storeLabel },
    });
  }
  if (owner.incarnation > record.incarnation) {
    throw mismatch(
      evidence,
      'restored-elsewhere',
      `the cluster was restored: its owner is incarnation ${owner.incarnation}, the data directory is of incarnation ${record.incarnation}`,
      'use the data directory of the restored cluster; this one may be deleted once nothing in it is missed',
    );
  }
  if (owner.logIdentity !== evidence.logIdentity || owner.incarnation < record.incarnation) {
    throw mismatch(evidence, 'other-log', 'the cluster lives in another log than that of the data directory');
  }
  if (madeStart(record, owner.start)) return 'start';
  throw mismatch(
    evidence,
    'stale-directory',
    `the data directory is a copy or an old backup: the cluster was last started ${owner.start.counter} times, the directory knows of ${record.recorded?.counter ?? 0}`,
    'point --data-dir at the directory that was used last, or: cloudtopics restore',
  );
}

function judgeWithoutCluster(evidence: OwnershipEvidence): 'create' {
  const { record } = evidence;
  if (record === undefined) {
    if (evidence.logUsed) throw unknownLog(evidence);
    return 'create';
  }
  // A creation that was interrupted before the name was given goes on with the id it had.
  if (record.recorded === undefined) return 'create';
  if (record.clusterName !== evidence.cluster && record.clusterId !== evidence.cluster) {
    throw otherCluster(evidence, record);
  }
  throw mismatch(
    evidence,
    'cluster-missing',
    `the store has no such cluster, and the data directory is that of ${record.clusterName} (${record.clusterId})`,
    'check --store; to begin a new cluster, use an empty --data-dir',
  );
}

function otherCluster(evidence: OwnershipEvidence, record: OwnershipRecord): EngineError {
  return mismatch(
    evidence,
    'other-cluster',
    `the data directory belongs to cluster ${record.clusterName} (${record.clusterId})`,
    `--cluster ${record.clusterName}, or another --data-dir`,
  );
}

function unknownLog(evidence: OwnershipEvidence): EngineError {
  return mismatch(
    evidence,
    'unknown-log',
    'the log in the data directory holds data and does not say of which cluster',
    'use an empty --data-dir, or: cloudtopics restore',
  );
}

function mismatch(evidence: OwnershipEvidence, why: MismatchCase, problem: string, hint?: string): EngineError {
  return new EngineError('owner-mismatch', `cluster ${evidence.cluster} in ${evidence.storeLabel}: ${problem}`, {
    context: {
      case: why,
      cluster: evidence.cluster,
      clusterId: evidence.found?.clusterId,
      store: evidence.storeLabel,
      directoryClusterId: evidence.record?.clusterId,
      ownerIncarnation: evidence.owner?.incarnation,
      directoryIncarnation: evidence.record?.incarnation,
      ownerStartCounter: evidence.owner?.start.counter,
      directoryStartCounter: evidence.record?.recorded?.counter,
    },
    ...(hint === undefined ? {} : { hint }),
  });
}
