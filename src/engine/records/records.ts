// The front door of record batches: what a broker accepts, and how payloads are unpacked. The bytes themselves are described by
// the formats beside it.

export { type BatchRules, validateBatch } from './batch-validation-policy.ts';
export { decompress, decompressSync } from './compression.ts';
