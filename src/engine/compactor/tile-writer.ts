// Writes batches into new L1 objects and keeps account of the tiles that will stand for them in the metastore: one section, one extent
// for each object, without a gap from where it began to where it is ended.
//
// - an object ends only where an old extent does, because a replacement has to match old boundaries
// - a stretch of which nothing is left becomes an explicit empty range, unless what follows it takes it in
// - an object is preregistered before its upload begins, and begun with the first batch: nothing to write, no object

import { type Offset, offset, timestampMs } from '../base/ids.ts';
import { type L1Kind, L1ObjectBuilder } from '../l1/l1.ts';
import type { CompactorWork, JobRun } from './compactor-work.ts';
import {
  type Extent,
  type MaintainedPartition,
  type NewObject,
  type OffsetRange,
  placeOf,
} from './maintained-partition.ts';

export interface TileWriterOptions {
  readonly partition: MaintainedPartition;
  readonly kind: L1Kind;
  /** In front of the names of crash points. */
  readonly stepPrefix: 'compact' | 'level';
  /** The first offset of the tiles. */
  readonly from: Offset;
  /** At this size an object ends with the next old extent. */
  readonly objectBytes: number;
  readonly run: JobRun;
}

/** Asking for pace costs more than adding a batch. */
const paceBytes = 1024 * 1024;

export class TileWriter {
  readonly extents: Extent[] = [];
  readonly emptyRanges: OffsetRange[] = [];
  readonly objects: NewObject[] = [];
  readonly #work: CompactorWork;
  readonly #options: TileWriterOptions;
  #from: Offset;
  #open: { readonly objectId: string; readonly builder: L1ObjectBuilder } | undefined;
  /** What counts where no record that is left has a time. */
  #oldTimestamp = -1;
  #unpaced = 0;

  constructor(work: CompactorWork, options: TileWriterOptions) {
    this.#work = work;
    this.#options = options;
    this.#from = options.from;
  }

  /** Copies the batch. */
  async add(batch: Buffer): Promise<void> {
    const { signal, tally } = this.#options.run;
    const { builder } = this.#open ?? (await this.#begin());
    await builder.add(batch);
    tally.bytesWritten += batch.length;
    this.#unpaced += batch.length;
    if (this.#unpaced < paceBytes) return;
    const bytes = this.#unpaced;
    this.#unpaced = 0;
    await this.#work.pace(bytes, signal);
  }

  /** All of an old extent has been added. */
  async endExtent({ lastOffset, maxTimestamp }: Pick<Extent, 'lastOffset' | 'maxTimestamp'>): Promise<void> {
    this.#oldTimestamp = Math.max(this.#oldTimestamp, maxTimestamp);
    if (this.#open !== undefined && this.#open.builder.sizeBytes >= this.#options.objectBytes)
      await this.end(lastOffset);
  }

  /** The last tile ends here, if it has not ended already. */
  async end(lastOffset: Offset): Promise<void> {
    if (lastOffset < this.#from) return;
    if (this.#open === undefined) this.emptyRanges.push({ baseOffset: this.#from, lastOffset });
    else await this.#finish(this.#open, lastOffset);
    this.#from = offset(lastOffset + 1);
    this.#oldTimestamp = -1;
  }

  /** Discards what is not finished. What is finished and not put in place of anything will be collected. */
  async abort(): Promise<void> {
    await this.#open?.builder.abort();
  }

  async #begin(): Promise<{ readonly objectId: string; readonly builder: L1ObjectBuilder }> {
    const { partition, kind, stepPrefix, run } = this.#options;
    const { metastore, store, clusterId, clock, settings, step } = this.#work;
    run.signal.throwIfAborted();
    const [objectId] = (await metastore.preregister(metastore.domainOf(placeOf(partition)), 1)) as [string];
    await step(`${stepPrefix}.preregistered`);
    const builder = new L1ObjectBuilder({
      store,
      clusterId,
      topicId: partition.topicId,
      objectId,
      kind,
      createdMs: clock.nowMs(),
      partBytes: settings.partBytes(),
      indexBytes: settings.indexBytes(),
      signal: run.signal,
      step: (name) => step(`${stepPrefix}.${name}`),
    });
    builder.beginSection(partition.index, this.#from);
    this.#open = { objectId, builder };
    return this.#open;
  }

  async #finish({ objectId, builder }: { objectId: string; builder: L1ObjectBuilder }, last: Offset): Promise<void> {
    builder.endSection(last, timestampMs(this.#oldTimestamp));
    const { sizeBytes, footerPosition, sections } = await builder.finish();
    this.#open = undefined;
    this.objects.push({ objectId, sizeBytes, footerPosition });
    for (const { baseOffset, lastOffset, maxTimestamp, position, length } of sections) {
      this.extents.push({ baseOffset, lastOffset, maxTimestamp, objectId, position, length });
    }
    await this.#work.step(`${this.#options.stepPrefix}.uploaded`);
  }
}
