// The front door of the audit: rows typed, partitions described, metadata and tables verified. Works on DomainReads, so on a live
// broker and on its bucket alike, and changes nothing.

export { pagedRows } from './paged-rows.ts';
export {
  describePartition,
  type ExtentNote,
  type PartitionDetail,
  type PartitionSummary,
  summarizePartition,
} from './partition-description.ts';
export { describeRow, type RowView, undecodedKind } from './row-view.ts';
export { checkTable, type ShownTableFinding, shownFinding, type TableCheck } from './table-check.ts';
