// L1: large objects of history, sorted by partition then offset: how they are built, and how they are read back.

export type { L1Read } from './batch-collection.ts';
export { type L1BuilderOptions, type L1BuiltObject, L1ObjectBuilder } from './l1-object-builder.ts';
export type { L1BuiltSection, L1Footer, L1Kind } from './l1-object-format.ts';
export type { L1Place } from './l1-place.ts';
export { L1Reader, type L1ReaderOptions, type L1ReaderStats, type L1ReadOptions } from './l1-reader.ts';
export { PartMemory } from './part-memory.ts';
