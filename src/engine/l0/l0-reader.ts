// Reads extents out of L0 objects, for fetches that the batch cache cannot serve.
//
// - concurrent wants of the same bytes share one GET
// - the first small want of an object is a ranged GET; when a second want comes, or a want is a good part of the object,
//   the whole object is read once and kept in a cache bounded in bytes
// - bytes in flight are bounded; a waiting caller can give up by its signal, the shared GET goes on

import { ByteBudget } from '../base/byte-budget.ts';
import { EngineError } from '../base/errors.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { formatL0Key } from './l0-key-format.ts';
import type { L0Object } from './l0-writer.ts';

export interface L0ReaderOptions {
  readonly store: ObjectStore;
  readonly clusterId: string;
  /** Whole objects kept after their last use. */
  readonly cacheBytesMax: number;
  /** Bytes of GETs under way. */
  readonly inFlightBytesMax: number;
}

/** Half-open range in an object. */
export interface L0Range {
  readonly start: number;
  readonly end: number;
}

/** A want of at least this part of an object reads all of it. */
const wholeObjectShare = 0.25;
/** How many objects' first ranged wants are remembered. */
const touchedMax = 4096;

export class L0Reader {
  readonly #options: L0ReaderOptions;
  readonly #budget: ByteBudget;
  /** Whole objects, least recently used first. */
  readonly #cache = new Map<string, Buffer>();
  #cacheBytes = 0;
  readonly #flights = new Map<string, Promise<Buffer>>();
  readonly #touched = new Set<string>();

  constructor(options: L0ReaderOptions) {
    this.#options = options;
    this.#budget = new ByteBudget(options.inFlightBytesMax);
  }

  get cacheBytes(): number {
    return this.#cacheBytes;
  }

  /** The bytes of a range, not to be changed. Throws `object-not-found`, `corrupt-object`, or what the store throws. */
  async read(object: L0Object, range: L0Range, signal?: AbortSignal): Promise<Buffer> {
    const key = formatL0Key(this.#options.clusterId, object.id);
    const cached = this.#cache.get(key);
    if (cached !== undefined) {
      this.#cache.delete(key);
      this.#cache.set(key, cached);
      return this.#cut(cached, range, key);
    }
    const whole = this.#flights.get(key);
    if (whole !== undefined) return this.#cut(await abortable(whole, signal), range, key);
    if (this.#wantsWhole(key, object, range)) {
      return this.#cut(await abortable(this.#fetchWhole(key, object), signal), range, key);
    }
    return abortable(this.#fetchRange(key, range), signal);
  }

  #wantsWhole(key: string, object: L0Object, range: L0Range): boolean {
    if (object.sizeBytes > this.#options.cacheBytesMax) return false;
    if (range.end - range.start >= object.sizeBytes * wholeObjectShare) return true;
    if (this.#touched.delete(key)) return true;
    this.#touched.add(key);
    if (this.#touched.size > touchedMax) for (const oldest of this.#touched) if (this.#touched.delete(oldest)) break;
    return false;
  }

  #fetchWhole(key: string, object: L0Object): Promise<Buffer> {
    return this.#flight(key, object.sizeBytes, async () => {
      const { bytes } = await this.#options.store.get(key);
      if (bytes.length !== object.sizeBytes) {
        throw new EngineError(
          'corrupt-object',
          `${key} has ${bytes.length} bytes, its placeholder says ${object.sizeBytes}`,
          {
            context: { key },
          },
        );
      }
      this.#keep(key, bytes);
      return bytes;
    });
  }

  #fetchRange(key: string, range: L0Range): Promise<Buffer> {
    const length = range.end - range.start;
    return this.#flight(`${key}@${range.start}-${range.end}`, length, async () => {
      const { bytes } = await this.#options.store.get(key, { range });
      if (bytes.length !== length) {
        throw new EngineError('corrupt-object', `${key} ends before byte ${range.end}`, { context: { key, ...range } });
      }
      return bytes;
    });
  }

  #flight(name: string, bytes: number, run: () => Promise<Buffer>): Promise<Buffer> {
    const under = this.#flights.get(name);
    if (under !== undefined) return under;
    const flight = this.#budget
      .take(bytes)
      .then((giveBack) => run().finally(giveBack))
      .finally(() => this.#flights.delete(name));
    this.#flights.set(name, flight);
    return flight;
  }

  #keep(key: string, bytes: Buffer): void {
    this.#cache.set(key, bytes);
    this.#cacheBytes += bytes.length;
    for (const [oldest, dropped] of this.#cache) {
      if (this.#cacheBytes <= this.#options.cacheBytesMax) return;
      this.#cache.delete(oldest);
      this.#cacheBytes -= dropped.length;
    }
  }

  #cut(whole: Buffer, range: L0Range, key: string): Buffer {
    if (range.end > whole.length) {
      throw new EngineError('corrupt-object', `${key} ends before byte ${range.end}`, { context: { key, ...range } });
    }
    return whole.subarray(range.start, range.end);
  }
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(new EngineError('cancelled', 'the reader went away'));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
