// The write path's middle: batches of many partitions are gathered into one open object, which is sealed and uploaded.
//
// - many PUTs are in flight at once and never wait for each other; their order is restored by the partitions
// - a partition's batches in one object are its *share*: it is reported uploaded, or failed, as a whole
// - a share is reported uploaded only when the PUT has succeeded and ownership was confirmed after it
// - the bytes stay pinned until the PUT has settled, also when nobody waits for it any more
// What it refuses: to judge outcomes. A PUT that failed may still appear in the bucket; stamps and links sort that out.

import { ByteWriter } from '../base/byte-writer.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { type EngineError, toEngineError } from '../base/errors.ts';
import type { ClusterEpoch, Offset, TopicId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { SlabRange } from '../base/slab-pool.ts';
import { uuidv7 } from '../base/uuid.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { formatL0Key, type L0ObjectId } from './l0-key-format.ts';
import { batchHeaderCrc, encodeL0Footer, type L0FooterBatch, l0KindRecords } from './l0-object-format.ts';
import { type SealRules, whenToSeal } from './seal-policy.ts';

/** A batch on its way into an object: all the footer says of it but its place. */
export interface L0StagedBatch extends Omit<L0FooterBatch, 'kind' | 'position' | 'length' | 'headerCrc'> {
  readonly records: SlabRange;
}

/** An object as placeholders name it. */
export interface L0Object {
  readonly id: L0ObjectId;
  readonly sizeBytes: number;
}

/** What the writer asks of and tells to a partition's leader. */
export interface L0Source {
  readonly topicId: TopicId;
  readonly index: number;
  readonly highWatermark: Offset;
  readonly logStartOffset: Offset;
  /** The least cluster epoch an object with its batches may carry. */
  readonly clusterEpochMin: ClusterEpoch;
  shareUploaded(share: L0Share): void;
  shareFailed(share: L0Share, error: EngineError): void;
}

/** The batches of one partition in one object. */
export class L0Share {
  readonly source: L0Source;
  readonly batches: L0StagedBatch[] = [];
  /** Where each batch lies in the object; set when sealed. */
  readonly positions: number[] = [];
  /** Set when the object was uploaded. */
  object: L0Object | undefined;
  sealed = false;

  constructor(source: L0Source) {
    this.source = source;
  }
}

export interface L0WriterOptions {
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly shards: number;
  readonly seal: SealRules;
  /** PUTs in flight at once; sealed objects beyond wait. */
  readonly putsMax: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The cached cluster epoch. */
  readonly clusterEpoch: () => ClusterEpoch;
  /** Resolves when ownership of the bucket is known to hold; rejects when it is lost. */
  readonly confirmOwnership: () => Promise<void>;
  /** Runs something after what else is ready in this turn. */
  readonly defer: (run: () => void) => void;
}

interface OpenObject {
  readonly shares: Map<L0Source, L0Share>;
  bytes: number;
  batches: number;
}

export class L0Writer {
  readonly #options: L0WriterOptions;
  #open: OpenObject = newOpenObject();
  #timer: Timer | undefined;
  /** Whether the open object is about to be sealed, after this turn or a short wait. */
  #sealPlanned = false;
  /** Sealed and not settled; those beyond `putsMax` wait for a place. */
  #inFlight = 0;
  #running = 0;
  #nextShard = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #uploads = new Set<Promise<void>>();

  constructor(options: L0WriterOptions) {
    this.#options = options;
  }

  /** Objects that are sealed and not settled. */
  get uploadsInFlight(): number {
    return this.#inFlight;
  }

  /** Adds a batch to the open object; the share tells later where it went. Takes a pin of its own. */
  stage(source: L0Source, batch: L0StagedBatch): L0Share {
    const open = this.#open;
    let share = open.shares.get(source);
    if (share === undefined) {
      share = new L0Share(source);
      open.shares.set(source, share);
    }
    batch.records.pin();
    share.batches.push(batch);
    open.bytes += batch.records.length;
    open.batches++;
    this.#consider();
    return share;
  }

  /** Takes a share back out of the open object; its batches will not be uploaded. For unsealed shares only. */
  withdraw(share: L0Share): void {
    if (share.sealed) return;
    this.#open.shares.delete(share.source);
    this.#open.batches -= share.batches.length;
    for (const batch of share.batches) {
      this.#open.bytes -= batch.records.length;
      batch.records.unpin();
    }
  }

  /** Seals what is open and waits for every upload to settle. */
  async drain(): Promise<void> {
    this.#seal();
    while (this.#uploads.size > 0) await Promise.all(this.#uploads);
  }

  #consider(behindUpload = false): void {
    const open = this.#open;
    const when = whenToSeal(
      {
        bytes: open.bytes,
        partitions: open.shares.size,
        batches: open.batches,
        uploadsInFlight: this.#inFlight,
        behindUpload,
      },
      this.#options.seal,
    );
    if (when === 'now') {
      this.#seal();
    } else if (when === 'soon') {
      if (this.#sealPlanned) return;
      this.#sealPlanned = true;
      this.#options.defer(() => {
        if (this.#sealPlanned && this.#inFlight === 0) this.#seal();
      });
    } else if (behindUpload || this.#timer === undefined) {
      this.#timer?.cancel();
      this.#sealPlanned ||= behindUpload;
      this.#timer = this.#options.clock.after(when, () => this.#seal());
    }
  }

  #seal(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#sealPlanned = false;
    const open = this.#open;
    if (open.batches === 0) return;
    this.#open = newOpenObject();
    const shares = [...open.shares.values()];
    for (const share of shares) share.sealed = true;
    this.#inFlight++;
    // In a later turn, so that nothing is reported back to a source while it is still staging.
    const upload = Promise.resolve()
      .then(() => this.#withPlace(() => this.#upload(shares)))
      .finally(() => {
        this.#uploads.delete(upload);
        this.#inFlight--;
        if (this.#open.batches > 0) this.#consider(this.#inFlight === 0 && this.#options.seal.interval === 'when-idle');
      });
    this.#uploads.add(upload);
  }

  /** Waits for one of the places; a place that becomes free goes to who waits longest. */
  async #withPlace(run: () => Promise<void>): Promise<void> {
    if (this.#running < this.#options.putsMax) this.#running++;
    else await new Promise<void>((start) => this.#waiting.push(start));
    try {
      await run();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  async #upload(shares: L0Share[]): Promise<void> {
    try {
      const id = this.#newId(shares);
      const body = this.#build(shares);
      const sizeBytes = body.reduce((sum, part) => sum + part.length, 0);
      await this.#options.store.put(formatL0Key(this.#options.clusterId, id), body);
      await this.#options.confirmOwnership();
      const object: L0Object = { id, sizeBytes };
      for (const share of shares) share.object = object;
    } catch (thrown) {
      const error = toEngineError(thrown);
      this.#options.logger.warn({ code: error.code, error: error.message }, 'an L0 object was not uploaded');
      this.#unpin(shares);
      for (const share of shares) share.source.shareFailed(share, error);
      return;
    }
    this.#unpin(shares);
    for (const share of shares) share.source.shareUploaded(share);
  }

  #unpin(shares: L0Share[]): void {
    for (const share of shares) for (const batch of share.batches) batch.records.unpin();
  }

  #newId(shares: L0Share[]): L0ObjectId {
    let epoch = this.#options.clusterEpoch();
    for (const { source } of shares) if (source.clusterEpochMin > epoch) epoch = source.clusterEpochMin;
    const shard = this.#nextShard;
    this.#nextShard = (shard + 1) % this.#options.shards;
    return { shard, epoch, name: uuidv7(this.#options.clock, this.#options.random) };
  }

  /** Lays the object out; small batches are gathered, large ones are linked and not copied. */
  #build(shares: L0Share[]): Buffer[] {
    const writer = new ByteWriter();
    const partitions = shares.map(({ source, batches, positions }) => ({
      topicId: source.topicId,
      index: source.index,
      committedEnd: source.highWatermark,
      logStart: source.logStartOffset,
      batches: batches.map((batch): L0FooterBatch => {
        const bytes = batch.records.bytes;
        const position = writer.length;
        positions.push(position);
        writer.link(bytes);
        return footerEntry(batch, position, bytes);
      }),
    }));
    const footer = encodeL0Footer({
      clusterId: this.#options.clusterId,
      sealedAtMs: this.#options.clock.nowMs(),
      partitions,
    });
    return writer.link(footer).parts();
  }
}

const newOpenObject = (): OpenObject => ({ shares: new Map(), bytes: 0, batches: 0 });

function footerEntry(batch: L0StagedBatch, position: number, bytes: Buffer): L0FooterBatch {
  return {
    kind: l0KindRecords,
    stamp: batch.stamp,
    link: batch.link,
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    position,
    length: bytes.length,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    count: batch.count,
    attributes: batch.attributes,
    maxTimestamp: batch.maxTimestamp,
    headerCrc: batchHeaderCrc(bytes),
  };
}
