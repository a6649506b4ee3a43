// Builds one table in memory. Entries come in the order of cursors: key ascending, sequence descending.

import { EngineError } from '../../base/errors.ts';
import { BlockBuilder } from '../block/block-builder.ts';
import { sealBlock } from '../block/sealed-block-format.ts';
import type { LsmRules } from '../core/lsm-rules.ts';
import type { Key } from '../core/row.ts';
import { BlockIndexBuilder, type Boundary, boundaryBetween } from './block-index.ts';
import { BloomFilterBuilder, hashKey } from './bloom-filter.ts';
import { encodeFacts, encodeFooter, footerBytes, type TableFacts } from './table-format.ts';

/** A block takes entries until it has its size, so it can be one entry of the largest size beyond this; see payloadBytesMax. */
const blockBytesMax = 8 * 1024 * 1024;
/** Added to the filter in one go. */
const keysPerStep = 16_384;
/** Of the footer, the facts and a filter's frame. */
const tailBytesAbout = footerBytes + 128;

export interface BuiltTable {
  /** The object, in order. */
  readonly parts: Buffer[];
  readonly facts: TableFacts;
}

export class TableBuilder {
  readonly #rules: Pick<LsmRules, 'blockBytes' | 'restartInterval' | 'bloomBitsPerKey' | 'compression'>;
  readonly #blockBytes: number;
  readonly #block: BlockBuilder;
  readonly #index = new BlockIndexBuilder();
  readonly #parts: Buffer[] = [];
  #dataBytes = 0;
  /** The block that was sealed last, until it is known what follows it. */
  #sealed: { readonly last: Boundary; readonly length: number } | undefined;
  #hashes = new Uint32Array(1024);
  #keys = 0;
  #filter: BloomFilterBuilder | undefined;
  #smallest: Key = '';
  #entries = 0;
  #tombstones = 0;
  #oldest = Number.POSITIVE_INFINITY;
  #newest = 0;

  constructor(rules: Pick<LsmRules, 'blockBytes' | 'restartInterval' | 'bloomBitsPerKey' | 'compression'>) {
    this.#rules = rules;
    this.#blockBytes = Math.min(rules.blockBytes, blockBytesMax);
    this.#block = new BlockBuilder(rules.restartInterval, this.#blockBytes);
  }

  get entries(): number {
    return this.#entries;
  }

  /** What the object would have now, about: the block that is not full yet counts uncompressed. */
  get sizeBytes(): number {
    const filter = (this.#keys * this.#rules.bloomBitsPerKey) >>> 3;
    return this.#dataBytes + this.#block.payloadBytes + this.#index.bytes + filter + tailBytesAbout;
  }

  /** A value of undefined is a tombstone. The bytes are copied. Throws `bug` for an entry out of order or of a size no row has. */
  add(key: Key, sequence: number, value: Uint8Array | undefined): void {
    const common = this.#block.add(key, sequence, value);
    if (this.#entries === 0) this.#smallest = key;
    if (common < key.length || this.#entries === 0) this.#addHash(hashKey(key));
    this.#entries++;
    if (value === undefined) this.#tombstones++;
    if (sequence < this.#oldest) this.#oldest = sequence;
    if (sequence > this.#newest) this.#newest = sequence;
    if (this.#sealed !== undefined) this.#indexSealed(boundaryBetween(this.#sealed.last, { key, sequence }));
    if (this.#block.payloadBytes >= this.#blockBytes) this.#seal();
  }

  #addHash(hash: number): void {
    if (this.#keys === this.#hashes.length) {
      const grown = new Uint32Array(2 * this.#keys);
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes[this.#keys++] = hash;
  }

  #seal(): void {
    const last = { key: this.#block.previousKey, sequence: this.#block.previousSequence };
    const sealed = sealBlock(this.#block.finish(), this.#rules.compression);
    this.#parts.push(sealed);
    this.#dataBytes += sealed.length;
    this.#sealed = { last, length: sealed.length };
  }

  #indexSealed(boundary: Boundary): void {
    if (this.#sealed === undefined) return;
    this.#index.add(boundary, this.#sealed.length);
    this.#sealed = undefined;
  }

  /** Does a part of the work of `finish`, about a millisecond long; nothing can be added afterwards. False when none is left. */
  prepare(): boolean {
    this.#filter ??= new BloomFilterBuilder(this.#hashes.subarray(0, this.#keys), this.#rules.bloomBitsPerKey);
    return this.#filter.add(keysPerStep);
  }

  /** Throws `bug` where nothing was added. The builder must not be used afterwards. */
  finish(): BuiltTable {
    if (this.#entries === 0) throw new EngineError('bug', 'a table without entries');
    if (this.#block.entries > 0) this.#seal();
    const largest = this.#block.previousKey;
    this.#indexSealed({ key: largest, sequence: 0 });
    while (this.prepare());
    const filter = (this.#filter as BloomFilterBuilder).finish();
    const index = this.#index.finish();
    const known = {
      smallest: this.#smallest,
      largest,
      oldest: this.#oldest,
      newest: this.#newest,
      entries: this.#entries,
      tombstones: this.#tombstones,
    };
    const facts = encodeFacts(known);
    const lengths = {
      dataBytes: this.#dataBytes,
      filterBytes: filter.length,
      indexBytes: index.length,
      factsBytes: facts.length,
    };
    const parts = [...this.#parts, filter, index, facts, encodeFooter(lengths)];
    return { parts, facts: { sizeBytes: parts.reduce((sum, part) => sum + part.length, 0), ...known } };
  }
}
