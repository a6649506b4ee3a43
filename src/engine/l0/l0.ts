// L0: the write path's objects and how they are read back.

export { L0Reader } from './l0-reader.ts';
export { type L0Object, L0Share, type L0Source, type L0StagedBatch, L0Writer } from './l0-writer.ts';
export { salvageChain } from './salvage-policy.ts';
export { automaticInterval, defaultSealRules, type SealRules } from './seal-policy.ts';
