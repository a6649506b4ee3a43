// The footers of L1 objects, which hold their indexes: read once, by one exact range, kept while they are used.
//
// - concurrent wants of one footer share one GET
// - bytes kept and bytes under way stay within `bytesMax` together; a footer larger than its share is read alone and not kept
// - a footer that is damaged in the local copy is thrown away there; one that came damaged from the store is read once more, then the
//   read fails with the object's key

import { ByteBudget } from '../base/byte-budget.ts';
import { EngineError, hasCode } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { cacheId, type DiskCache } from '../disk-cache/disk-cache.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { formatL1Key } from './l1-key-format.ts';
import { decodeL1Footer, type L1Footer } from './l1-object-format.ts';
import type { L1ObjectPlace } from './l1-place.ts';
import { cameShort, readRange } from './object-range.ts';
import { footerOnDisk, type OpenObject } from './open-object.ts';

export interface FooterCacheOptions {
  readonly store: ObjectStore;
  readonly clusterId: string;
  readonly logger: Logger;
  readonly bytesMax: number;
  readonly disk?: DiskCache | undefined;
}

/** Of an entry beside the footer's bytes, about. */
const entryOverheadBytes = 768;

export class FooterCache {
  readonly #options: FooterCacheOptions;
  readonly #keptBytesMax: number;
  readonly #underWay: ByteBudget;
  /** Least recently used first. */
  readonly #kept = new Map<string, OpenObject>();
  readonly #flights = new Map<string, Promise<OpenObject>>();
  #keptBytes = 0;
  readBytes = 0;

  constructor(options: FooterCacheOptions) {
    this.#options = options;
    this.#underWay = new ByteBudget(Math.max(1, Math.floor(options.bytesMax / 4)));
    this.#keptBytesMax = options.bytesMax - this.#underWay.bytesMax;
  }

  get bytes(): number {
    return this.#keptBytes + this.#underWay.usedBytes;
  }

  /** At once where the footer is at hand. */
  open(objectId: string, place: L1ObjectPlace): OpenObject | Promise<OpenObject> {
    const kept = this.#kept.get(objectId);
    if (kept !== undefined) {
      this.#kept.delete(objectId);
      this.#kept.set(objectId, kept);
      return kept;
    }
    let flight = this.#flights.get(objectId);
    if (flight === undefined) {
      flight = this.#fetch(objectId, place).finally(() => this.#flights.delete(objectId));
      this.#flights.set(objectId, flight);
    }
    return flight;
  }

  forget(objectId: string): void {
    const kept = this.#kept.get(objectId);
    if (kept === undefined) return;
    this.#kept.delete(objectId);
    this.#keptBytes -= bytesOf(kept);
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#flights.values());
  }

  async #fetch(objectId: string, place: L1ObjectPlace): Promise<OpenObject> {
    const { store, clusterId } = this.#options;
    const key = formatL1Key(clusterId, objectId);
    const diskId = cacheId(store.label, key);
    const length = place.sizeBytes - place.footerPosition;
    const giveBack = await this.#underWay.take(length);
    try {
      const footer =
        (await this.#fromDisk(diskId, objectId, key, place)) ?? (await this.#fromStore(diskId, objectId, key, place));
      const object: OpenObject = { objectId, key, sizeBytes: place.sizeBytes, footer, diskId };
      this.#keep(object);
      return object;
    } finally {
      giveBack();
    }
  }

  async #fromDisk(diskId: string, objectId: string, key: string, place: L1ObjectPlace): Promise<L1Footer | undefined> {
    const { disk, logger } = this.#options;
    const bytes = await disk?.read(diskId, footerOnDisk, 0, place.sizeBytes - place.footerPosition);
    if (bytes === undefined) return undefined;
    try {
      return this.#decode(bytes, objectId, key, place);
    } catch (error) {
      logger.warn({ key, error: String(error) }, 'the local copy of a footer is damaged; it is read from the bucket');
      disk?.drop(diskId);
      return undefined;
    }
  }

  async #fromStore(diskId: string, objectId: string, key: string, place: L1ObjectPlace): Promise<L1Footer> {
    const { disk, logger } = this.#options;
    const get = async () => {
      const range = { key, sizeBytes: place.sizeBytes, start: place.footerPosition, end: place.sizeBytes };
      const bytes = await readRange(this.#options.store, range, {});
      this.readBytes += bytes.length;
      if (bytes.length !== range.end - range.start) throw cameShort(range, bytes.length);
      const footer = this.#decode(bytes, objectId, key, place);
      disk?.keep(diskId, footerOnDisk, [bytes]);
      return footer;
    };
    try {
      return await get();
    } catch (error) {
      // What came may have been torn on its way: damage counts only when it is still there the second time.
      if (!hasCode(error, 'corrupt-object', 'unsupported-format', 'store-unavailable')) throw error;
      logger.warn({ key, error: error.message }, 'a footer did not come as it should; reading it once more');
      return await get();
    }
  }

  #decode(bytes: Buffer, objectId: string, key: string, place: L1ObjectPlace): L1Footer {
    const footer = decodeL1Footer(bytes, place.footerPosition, key);
    if (footer.objectId === objectId && footer.clusterId === this.#options.clusterId) return footer;
    throw new EngineError(
      'corrupt-object',
      `L1 object ${key} says that it is object ${footer.objectId} of cluster ${footer.clusterId}`,
      { context: { key } },
    );
  }

  #keep(object: OpenObject): void {
    const bytes = bytesOf(object);
    if (bytes > this.#keptBytesMax) return;
    this.forget(object.objectId);
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes + bytes <= this.#keptBytesMax) break;
      this.forget(oldest);
    }
    this.#kept.set(object.objectId, object);
    this.#keptBytes += bytes;
  }
}

const bytesOf = ({ footer }: OpenObject): number => footer.memoryBytes + entryOverheadBytes;
