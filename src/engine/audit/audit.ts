// The front door of the audit: rows typed, partitions described, metadata and tables verified. Works on DomainReads, so on a live
// broker and on its bucket alike, and changes nothing.

export type { CheckFinding } from './check-finding.ts';
export { type AnnotatedBytes, annotateL1Footer } from './l1-footer-layout-format.ts';
export { inspectL1Object, type L1Facts, type L1Finding, type L1Inspection } from './l1-inspection.ts';
export { checkL1Object, type L1CheckStep } from './l1-object-check.ts';
export {
  type CheckCounts,
  type CheckedDomain,
  type CheckPosition,
  type CheckStep,
  checkMetadata,
  type FoundCounts,
} from './metadata-check.ts';
export { pagedRows } from './paged-rows.ts';
export {
  describePartition,
  type ExtentNote,
  type PartitionDetail,
  type PartitionSummary,
  summarizePartition,
} from './partition-description.ts';
export { describeRow, type RowView } from './row-view.ts';
export { checkTable, type ShownTableFinding, shownFinding, type TableCheck } from './table-check.ts';
