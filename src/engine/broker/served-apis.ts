// Every API that the broker serves; ApiVersions advertises exactly these.

import { ApiTable } from './api-table.ts';
import type { ServedApi } from './handler.ts';
import { servedAlterConfigs } from './handlers/alter-configs.ts';
import { servedApiVersions } from './handlers/api-versions.ts';
import { servedCreatePartitions } from './handlers/create-partitions.ts';
import { servedCreateTopics } from './handlers/create-topics.ts';
import { servedDeleteGroups } from './handlers/delete-groups.ts';
import { servedDeleteRecords } from './handlers/delete-records.ts';
import { servedDeleteTopics } from './handlers/delete-topics.ts';
import { servedDescribeCluster } from './handlers/describe-cluster.ts';
import { servedDescribeConfigs } from './handlers/describe-configs.ts';
import { servedDescribeGroups } from './handlers/describe-groups.ts';
import { servedFetch } from './handlers/fetch.ts';
import { servedFindCoordinator } from './handlers/find-coordinator.ts';
import { servedHeartbeat } from './handlers/heartbeat.ts';
import { servedIncrementalAlterConfigs } from './handlers/incremental-alter-configs.ts';
import { servedInitProducerId } from './handlers/init-producer-id.ts';
import { servedJoinGroup } from './handlers/join-group.ts';
import { servedLeaveGroup } from './handlers/leave-group.ts';
import { servedListGroups } from './handlers/list-groups.ts';
import { servedListOffsets } from './handlers/list-offsets.ts';
import { servedMetadata } from './handlers/metadata.ts';
import { servedOffsetCommit } from './handlers/offset-commit.ts';
import { servedOffsetDelete } from './handlers/offset-delete.ts';
import { servedOffsetFetch } from './handlers/offset-fetch.ts';
import { servedOffsetForLeaderEpoch } from './handlers/offset-for-leader-epoch.ts';
import { servedProduce } from './handlers/produce.ts';
import { servedSyncGroup } from './handlers/sync-group.ts';

export function servedApis(): ApiTable {
  const served: readonly ServedApi[] = [
    servedApiVersions(() => table.advertised),
    servedMetadata,
    servedProduce,
    servedFetch,
    servedListOffsets,
    servedOffsetForLeaderEpoch,
    servedInitProducerId,
    servedCreateTopics,
    servedDeleteTopics,
    servedCreatePartitions,
    servedDeleteRecords,
    servedDescribeConfigs,
    servedAlterConfigs,
    servedIncrementalAlterConfigs,
    servedDescribeCluster,
    servedFindCoordinator,
    servedJoinGroup,
    servedSyncGroup,
    servedHeartbeat,
    servedLeaveGroup,
    servedOffsetCommit,
    servedOffsetFetch,
    servedOffsetDelete,
    servedDescribeGroups,
    servedListGroups,
    servedDeleteGroups,
  ];
  const table = new ApiTable(served);
  return table;
}
