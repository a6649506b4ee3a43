// The front door of record batches: what a broker accepts, how payloads are unpacked, and how records are taken out of a batch. The
// bytes themselves are described by the formats beside it.

export { type BatchRules, validateBatch } from './batch-validation-policy.ts';
export { decompress, decompressSync } from './compression.ts';
export { filterBatch } from './filter-batch.ts';
export { type RecordCursor, unpackBatch } from './record-cursor.ts';
