// The front door of the Kafka protocol: one definition per API (its grammar is in api/), the register of them, and the coding
// of whole frames. The types of requests and responses are inferred from the definitions:
//
//   RequestOf<typeof fetch>, ResponseOf<typeof fetch>         as decoded: every field is there
//   RequestInput<typeof fetch>, ResponseInput<typeof fetch>   to encode: fields with a default may be left out

export { alterConfigs } from './api/alter-configs.ts';
export { apiVersions } from './api/api-versions.ts';
export { createPartitions } from './api/create-partitions.ts';
export { createTopics } from './api/create-topics.ts';
export { deleteGroups } from './api/delete-groups.ts';
export { deleteRecords } from './api/delete-records.ts';
export { deleteTopics } from './api/delete-topics.ts';
export { describeCluster } from './api/describe-cluster.ts';
export { describeConfigs } from './api/describe-configs.ts';
export { describeGroups } from './api/describe-groups.ts';
export { fetch } from './api/fetch.ts';
export { findCoordinator } from './api/find-coordinator.ts';
export { heartbeat } from './api/heartbeat.ts';
export { incrementalAlterConfigs } from './api/incremental-alter-configs.ts';
export { initProducerId } from './api/init-producer-id.ts';
export { joinGroup } from './api/join-group.ts';
export { leaveGroup } from './api/leave-group.ts';
export { listGroups } from './api/list-groups.ts';
export { listOffsets } from './api/list-offsets.ts';
export { metadata } from './api/metadata.ts';
export { offsetCommit } from './api/offset-commit.ts';
export { offsetDelete } from './api/offset-delete.ts';
export { offsetFetch } from './api/offset-fetch.ts';
export { offsetForLeaderEpoch } from './api/offset-for-leader-epoch.ts';
export { produce } from './api/produce.ts';
export { syncGroup } from './api/sync-group.ts';
export { advertisedVersions, apis } from './apis.ts';
export { noAuthorizedOperations } from './authorized-operations.ts';
export type { AnyApi, RequestInput, RequestOf, ResponseInput, ResponseOf } from './define-api.ts';
export { noUuid } from './fields.ts';
export {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  ReceivedRequest,
  receiveRequest,
} from './frame-format.ts';
export type { RequestHeader } from './header-format.ts';
