// Builds one L1 object and uploads it while it is built: batches go in section by section, the footer is made of what went by.
//
// - memory: at most two parts and one batch (part-upload.ts), and the index
// - batches are copied once, as they are; only their headers are looked at
// - the object is written create-only: one that is there is never changed
// What it refuses, as a bug of the caller: sections and batches that are out of order or overlap, batches of another length than they say.

import { EngineError } from '../base/errors.ts';
import { type Offset, offset, type TimestampMs, type TopicId, timestampMs } from '../base/ids.ts';
import {
  batchHeaderBytes,
  readBaseOffset,
  readBatchSize,
  readLastOffsetDelta,
  readMaxTimestamp,
  readRecordCount,
} from '../records/record-batch-format.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { formatL1Key } from './l1-key-format.ts';
import { encodeL1Footer, type L1BuiltSection, type L1FooterChunk, type L1Kind } from './l1-object-format.ts';
import type { PartMemory } from './part-memory.ts';
import { PartUpload } from './part-upload.ts';

export interface L1BuilderOptions {
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly topicId: TopicId;
  readonly objectId: string;
  readonly kind: L1Kind;
  readonly createdMs: number;
  /** At most two parts are in memory. */
  readonly partBytes: number;
  /** Memory for parts, shared with other builders of parts of the same size. */
  readonly memory?: PartMemory | undefined;
  /** Batches up to this many bytes have one index entry and one checksum: a chunk. A larger batch is a chunk of its own. */
  readonly indexBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** Named crash points: 'part' before each part is sent, 'complete' before the last call. */
  readonly step?: ((name: string) => Promise<void> | void) | undefined;
}

export interface L1BuiltObject {
  readonly sizeBytes: number;
  readonly footerPosition: number;
  readonly sections: readonly L1BuiltSection[];
}

interface OpenSection {
  readonly partition: number;
  readonly baseOffset: Offset;
  readonly position: number;
  readonly firstChunk: number;
  /** The least offset that the next batch may begin at. */
  next: number;
  maxTimestamp: number;
  batchCount: number;
  recordCount: number;
}

const noTimestamp = timestampMs(-1);

/** Sections must come in order of partition, then offset. */
export class L1ObjectBuilder {
  readonly #options: L1BuilderOptions;
  readonly #upload: PartUpload;
  readonly #sections: (L1BuiltSection & { readonly firstChunk: number })[] = [];
  readonly #chunks: Omit<L1FooterChunk, 'length'>[] = [];
  #section: OpenSection | undefined;
  #chunkPosition = 0;
  #chunkBaseOffset = 0;
  #chunkMaxTimestamp = -1;

  constructor(options: L1BuilderOptions) {
    const { store, clusterId, objectId, partBytes, memory, signal } = options;
    this.#options = options;
    this.#upload = new PartUpload({
      store,
      key: formatL1Key(clusterId, objectId),
      partBytes,
      memory,
      signal,
      step: (name) => options.step?.(name),
    });
  }

  /** Bytes added so far. */
  get sizeBytes(): number {
    return this.#upload.sizeBytes;
  }

  /** Memory for parts. */
  get memoryBytes(): number {
    return this.#upload.memoryBytes;
  }

  /** `baseOffset` is the extent's: it may be below the first batch. */
  beginSection(partition: number, baseOffset: Offset): void {
    if (this.#section !== undefined) throw this.#bug(`begins a section of partition ${partition} inside another`);
    const before = this.#sections.at(-1);
    if (before !== undefined && before.partition >= partition) {
      if (before.partition > partition || before.lastOffset >= baseOffset) {
        throw this.#bug(
          `begins partition ${partition}, offset ${baseOffset} behind ${before.partition}, ${before.lastOffset}`,
        );
      }
    }
    const position = this.sizeBytes;
    const firstChunk = this.#chunks.length;
    const counts = { maxTimestamp: -1, batchCount: 0, recordCount: 0 };
    this.#section = { partition, baseOffset, position, firstChunk, next: baseOffset, ...counts };
    this.#chunkPosition = position;
  }

  /** Copies the batch before it returns; resolves when there is room for the next. Rejects with what failed so far. */
  add(batch: Buffer): Promise<void> {
    try {
      this.#take(batch);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#upload.room();
  }

  /**
   * Ends the section at the extent's last offset, which may lie above its last batch. Undefined when no batch was added: then there is
   * nothing of it in the object. `maxTimestampFloor` is what the section counts with where no record has a timestamp.
   */
  endSection(lastOffset: Offset, maxTimestampFloor: TimestampMs = noTimestamp): L1BuiltSection | undefined {
    const section = this.#section;
    if (section === undefined) throw this.#bug('ends a section that it did not begin');
    if (lastOffset < section.next - 1) throw this.#bug(`ends at offset ${lastOffset}, below ${section.next - 1}`);
    this.#section = undefined;
    if (section.batchCount === 0) return undefined;
    this.#endChunk();
    const { next: _, firstChunk, ...counted } = section;
    const built: L1BuiltSection = {
      ...counted,
      lastOffset,
      maxTimestamp: section.maxTimestamp < 0 ? maxTimestampFloor : timestampMs(section.maxTimestamp),
      length: this.sizeBytes - section.position,
    };
    this.#sections.push({ ...built, firstChunk });
    return built;
  }

  /** Uploads what is left and makes the object visible. */
  async finish(): Promise<L1BuiltObject> {
    if (this.#section !== undefined) throw this.#bug('is finished inside a section');
    if (this.#sections.length === 0) throw this.#bug('is finished with nothing in it');
    const footerPosition = this.sizeBytes;
    const { clusterId, objectId, topicId, kind, createdMs } = this.#options;
    const facts = { clusterId, objectId, topicId, kind, createdMs };
    this.#upload.append(encodeL1Footer({ ...facts, sections: this.#sections, chunks: this.#chunks }));
    const { sizeBytes } = this;
    await this.#upload.finish();
    const sections = this.#sections.map(({ firstChunk: _, ...section }): L1BuiltSection => section);
    return { sizeBytes, footerPosition, sections };
  }

  /** Discards; safe at any time, also twice, also after a finish that failed. Never rejects. */
  abort(): Promise<void> {
    return this.#upload.abort();
  }

  #take(batch: Buffer): void {
    const section = this.#section;
    if (section === undefined) throw this.#bug('is given a batch outside a section');
    const size = batch.length < batchHeaderBytes ? undefined : readBatchSize(batch);
    if (size !== batch.length) throw this.#bug(`is given a batch of ${batch.length} bytes that says it has ${size}`);
    const baseOffset = readBaseOffset(batch);
    const lastOffset = baseOffset + readLastOffsetDelta(batch);
    if (!(baseOffset >= section.next && lastOffset >= baseOffset)) {
      throw this.#bug(`is given offsets ${baseOffset} to ${lastOffset}, ${section.next} is next`);
    }
    const position = this.sizeBytes;
    const chunkLength = position - this.#chunkPosition;
    if (chunkLength > 0 && chunkLength + batch.length > this.#options.indexBytes) this.#endChunk();
    if (position === this.#chunkPosition) {
      this.#chunkBaseOffset = baseOffset;
      this.#chunkMaxTimestamp = -1;
    }
    const maxTimestamp = readMaxTimestamp(batch);
    if (maxTimestamp > this.#chunkMaxTimestamp) this.#chunkMaxTimestamp = maxTimestamp;
    if (maxTimestamp > section.maxTimestamp) section.maxTimestamp = maxTimestamp;
    section.next = lastOffset + 1;
    section.batchCount++;
    section.recordCount += Math.max(0, readRecordCount(batch));
    this.#upload.append(batch);
  }

  #endChunk(): void {
    this.#chunks.push({
      position: this.#chunkPosition,
      baseOffset: offset(this.#chunkBaseOffset),
      maxTimestamp: timestampMs(this.#chunkMaxTimestamp),
      crc: this.#upload.takeChecksum(),
    });
    this.#chunkPosition = this.sizeBytes;
  }

  #bug(problem: string): EngineError {
    return new EngineError('bug', `the builder of L1 object ${this.#options.objectId} ${problem}`);
  }
}
