// The register of the APIs that are served.

import { alterConfigs } from './api/alter-configs.ts';
import { apiVersions } from './api/api-versions.ts';
import { createPartitions } from './api/create-partitions.ts';
import { createTopics } from './api/create-topics.ts';
import { deleteGroups } from './api/delete-groups.ts';
import { deleteRecords } from './api/delete-records.ts';
import { deleteTopics } from './api/delete-topics.ts';
import { describeCluster } from './api/describe-cluster.ts';
import { describeConfigs } from './api/describe-configs.ts';
import { describeGroups } from './api/describe-groups.ts';
import { fetch } from './api/fetch.ts';
import { findCoordinator } from './api/find-coordinator.ts';
import { heartbeat } from './api/heartbeat.ts';
import { incrementalAlterConfigs } from './api/incremental-alter-configs.ts';
import { initProducerId } from './api/init-producer-id.ts';
import { joinGroup } from './api/join-group.ts';
import { leaveGroup } from './api/leave-group.ts';
import { listGroups } from './api/list-groups.ts';
import { listOffsets } from './api/list-offsets.ts';
import { metadata } from './api/metadata.ts';
import { offsetCommit } from './api/offset-commit.ts';
import { offsetDelete } from './api/offset-delete.ts';
import { offsetFetch } from './api/offset-fetch.ts';
import { offsetForLeaderEpoch } from './api/offset-for-leader-epoch.ts';
import { produce } from './api/produce.ts';
import { syncGroup } from './api/sync-group.ts';
import type { AnyApi } from './define-api.ts';

/** Every API, by key. */
export const apis: ReadonlyMap<number, AnyApi> = new Map(
  [
    produce,
    fetch,
    listOffsets,
    metadata,
    offsetCommit,
    offsetFetch,
    findCoordinator,
    joinGroup,
    heartbeat,
    leaveGroup,
    syncGroup,
    describeGroups,
    listGroups,
    apiVersions,
    createTopics,
    deleteTopics,
    deleteRecords,
    initProducerId,
    offsetForLeaderEpoch,
    describeConfigs,
    alterConfigs,
    createPartitions,
    deleteGroups,
    incrementalAlterConfigs,
    offsetDelete,
    describeCluster,
  ].map((api): [number, AnyApi] => [api.key, api]),
);

interface AdvertisedVersions {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** What ApiVersions says: every API with the range that is advertised, by key. */
export const advertisedVersions: readonly AdvertisedVersions[] = [...apis.values()].map(
  ({ key, versions: [min, max], advertisedFrom = min }) => ({
    apiKey: key,
    minVersion: advertisedFrom,
    maxVersion: max,
  }),
);
