// Reads extents out of L0 objects, for fetches that the batch cache cannot serve.
//
// - concurrent wants of the same object, or the same range, share one GET
// - the first small want of an object is a ranged GET; when a second want comes, or a want is a good part of the object,
//   the whole object is read into the object cache
// - the cache is a slab pool of its own: its memory is taken once, bounded in bytes, and used again without the garbage
//   collector. While all of it is pinned (answers on their way to slow clients), reads fall back to ranges in plain memory,
//   whose bytes under way are bounded too
// - a waiting caller can give up by its signal; the shared GET goes on

import { ByteBudget } from '../base/byte-budget.ts';
import { EngineError } from '../base/errors.ts';
import { SlabPool, type SlabRange } from '../base/slab-pool.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { formatL0Key } from './l0-key-format.ts';
import type { L0Object } from './l0-writer.ts';

export interface L0ReaderOptions {
  readonly store: ObjectStore;
  readonly clusterId: string;
  /** Whole objects kept after their last use. */
  readonly cacheBytesMax: number;
  /** Bytes of ranged GETs under way. */
  readonly inFlightBytesMax: number;
}

/** Half-open range in an object. */
export interface L0Range {
  readonly start: number;
  readonly end: number;
}

/** Bytes that stay as they are until disposed. Not to be changed. */
export interface HeldBytes extends Disposable {
  readonly bytes: Buffer;
}

interface WholeFlight {
  readonly done: Promise<SlabRange>;
  /** One pin each is taken for them before `done` resolves. */
  waiters: number;
}

/** A want of at least this part of an object reads all of it. */
const wholeObjectShare = 0.25;
/** How many objects' first ranged wants are remembered. */
const touchedMax = 4096;
const slabBytes = 8 * 1024 * 1024;

export class L0Reader {
  readonly #options: L0ReaderOptions;
  readonly #pool: SlabPool;
  readonly #budget: ByteBudget;
  /** Least recently used first; an entry whose memory was used again is dead. */
  readonly #cache = new Map<string, SlabRange>();
  readonly #wholeFlights = new Map<string, WholeFlight>();
  readonly #rangeFlights = new Map<string, Promise<Buffer>>();
  readonly #touched = new Set<string>();

  constructor(options: L0ReaderOptions) {
    this.#options = options;
    this.#pool = new SlabPool({
      slabBytes: Math.min(slabBytes, options.cacheBytesMax),
      bytesMax: options.cacheBytesMax,
    });
    this.#budget = new ByteBudget(options.inFlightBytesMax);
  }

  /** Memory of the object cache. */
  get cacheBytes(): number {
    return this.#pool.heldBytes;
  }

  /** The bytes of a range. Throws `object-not-found`, `corrupt-object`, or what the store throws. */
  async read(object: L0Object, range: L0Range, signal?: AbortSignal): Promise<HeldBytes> {
    const key = formatL0Key(this.#options.clusterId, object.id);
    checkRange(key, object, range);
    const cached = this.#cached(key);
    if (cached !== undefined) return held(cached, range);
    const whole = this.#wholeFlights.get(key) ?? this.#startWhole(key, object, range);
    if (whole === undefined) return plain(await abortable(this.#fetchRange(key, range), signal));
    whole.waiters++;
    return held(await abortable(whole.done, signal, (late) => late.unpin()), range);
  }

  /** Drops an object from the cache: what was read turned out to be damaged. */
  forget(object: L0Object): void {
    this.#cache.delete(formatL0Key(this.#options.clusterId, object.id));
  }

  /** The cached object, pinned for the caller. */
  #cached(key: string): SlabRange | undefined {
    const cached = this.#cache.get(key);
    if (cached === undefined) return undefined;
    this.#cache.delete(key);
    if (!cached.pin()) return undefined;
    this.#cache.set(key, cached);
    return cached;
  }

  /** Begins to read the whole object when that is worth it and there is memory. */
  #startWhole(key: string, object: L0Object, range: L0Range): WholeFlight | undefined {
    if (!this.#wantsWhole(key, object, range)) return undefined;
    const memory = this.#pool.allocate(object.sizeBytes);
    if (memory === undefined) return undefined;
    const flight: WholeFlight = { done: this.#fetchWhole(key, object, memory, () => flight.waiters), waiters: 0 };
    this.#wholeFlights.set(key, flight);
    return flight;
  }

  #wantsWhole(key: string, object: L0Object, range: L0Range): boolean {
    if (object.sizeBytes > this.#options.cacheBytesMax) return false;
    if (range.end - range.start >= object.sizeBytes * wholeObjectShare) return true;
    if (this.#touched.delete(key)) return true;
    this.#touched.add(key);
    if (this.#touched.size > touchedMax) for (const oldest of this.#touched) if (this.#touched.delete(oldest)) break;
    return false;
  }

  async #fetchWhole(key: string, object: L0Object, memory: SlabRange, waiters: () => number): Promise<SlabRange> {
    try {
      const { bytes, info } = await this.#options.store.get(key, { into: memory.bytes });
      if (bytes.length !== object.sizeBytes) {
        throw new EngineError(
          'corrupt-object',
          `${key} has ${info.sizeBytes} bytes, ${bytes.length} came, its placeholder says ${object.sizeBytes}`,
          { context: { key } },
        );
      }
      for (let waiter = waiters(); waiter > 0; waiter--) memory.pin();
      this.#keep(key, memory);
      return memory;
    } finally {
      this.#wholeFlights.delete(key);
      memory.unpin();
    }
  }

  #keep(key: string, memory: SlabRange): void {
    this.#cache.set(key, memory);
    // Entries whose memory is gone would otherwise stay for ever: the oldest are looked at, two for each new one.
    let looks = 2;
    for (const [oldest, range] of this.#cache) {
      if (looks-- === 0) return;
      if (range.alive) continue;
      this.#cache.delete(oldest);
    }
  }

  #fetchRange(key: string, range: L0Range): Promise<Buffer> {
    const name = `${key}@${range.start}-${range.end}`;
    const underWay = this.#rangeFlights.get(name);
    if (underWay !== undefined) return underWay;
    const flight = this.#budget
      .take(range.end - range.start)
      .then((giveBack) => this.#getRange(key, range).finally(giveBack))
      .finally(() => this.#rangeFlights.delete(name));
    this.#rangeFlights.set(name, flight);
    return flight;
  }

  async #getRange(key: string, range: L0Range): Promise<Buffer> {
    const { bytes } = await this.#options.store.get(key, { range });
    if (bytes.length !== range.end - range.start) {
      throw new EngineError('corrupt-object', `${key} ends before byte ${range.end}`, { context: { key, ...range } });
    }
    return bytes;
  }
}

function checkRange(key: string, object: L0Object, range: L0Range): void {
  if (range.end <= object.sizeBytes) return;
  throw new EngineError(
    'corrupt-object',
    `${key} has ${object.sizeBytes} bytes, its placeholder asks for ${range.end}`,
    {
      context: { key, ...range },
    },
  );
}

const held = (object: SlabRange, range: L0Range): HeldBytes => ({
  bytes: object.bytes.subarray(range.start, range.end),
  [Symbol.dispose]: () => object.unpin(),
});

const plain = (bytes: Buffer): HeldBytes => ({ bytes, [Symbol.dispose]: () => {} });

/** `abandoned` gets what comes after the caller has left. */
function abortable<T>(promise: Promise<T>, signal?: AbortSignal, abandoned?: (late: T) => void): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => {
      reject(new EngineError('cancelled', 'the reader went away'));
      promise.then(abandoned, () => {});
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(
      (value) => {
        signal.removeEventListener('abort', onAbort);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', onAbort);
        reject(error);
      },
    );
  });
}
