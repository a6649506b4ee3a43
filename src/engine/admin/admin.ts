// The front door of the operator's verbs: what the commands call. Plain values in and out; no flags, no printing.

export type { AdminClientOptions } from './admin-client.ts';
export { batchCompression } from './batch-compression.ts';
export { BucketSource } from './bucket-source.ts';
export { type DescribedTopic, describeTopic } from './described-topic.ts';
export { bucketFigures, type DomainFigures, liveFigures } from './domain-figures.ts';
export { type OrderResults, orderDomains } from './domain-orders.ts';
export type { IncomingRecord } from './fetched-records.ts';
export { KafkaClient } from './kafka-client.ts';
export { listExtents, type ShownExtent } from './l1-extents.ts';
export { type ListedObject, listL1Objects } from './l1-listing.ts';
export { type L1ObjectView, type ShownChunk, type ShownSection, viewL1Object } from './l1-object-view.ts';
export { LiveDomains } from './live-domains.ts';
export { LiveMaintenance, type LiveScope } from './live-maintenance.ts';
export type {
  LiveCompactPlan,
  LiveCompactRun,
  LiveCompactStatus,
  LivePauses,
  LiveReconcilePlan,
  LiveReconcileRun,
  LiveReconcileStatus,
} from './live-maintenance-format.ts';
export { LiveSource } from './live-source.ts';
export type { LiveCluster } from './live-status-format.ts';
export { failedOutcomes, type NamedProblem, reconcileProblems } from './maintenance-problems.ts';
export { diffManifestsOf, listManifestsOf, type ShownTable, showManifests } from './manifest-pictures.ts';
export { getRow, scanDomains } from './metadata-rows.ts';
export type { MetadataSource, PictureMoment, SourcePlace } from './metadata-source.ts';
export { earliest, latest, offsetsAt } from './offsets-admin.ts';
export { describeOffsets, topicSize } from './offsets-view.ts';
export { produceLines } from './produce-lines.ts';
export { type OffsetRange, readTopic } from './read-topic.ts';
export { encodeHeaders } from './record-batch-builder.ts';
export { type CheckedTable, checkTables, dumpTable, listTables } from './table-pictures.ts';
export { alterTopic, createTopic, deleteTopic, listTopics, topicConfigs, topicPlaces } from './topics-admin.ts';
export {
  Verification,
  type VerifyFinding,
  type VerifyLine,
  type VerifyPosition,
  type VerifyResume,
} from './verification.ts';
