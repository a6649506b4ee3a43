// Decorator: at most so many calls to the store at once; the rest wait in turn, and when too many wait, calls are refused.
// Urgent calls have places of their own, so that uploads that hang hold up none of them.
// A listing holds its place only while it fetches, not while its reader works, or a reader that calls the store would block
// itself.

import { EngineError } from '../base/errors.ts';
import type {
  Body,
  CallOptions,
  DeleteFailure,
  GetOptions,
  ListOptions,
  MultipartUpload,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  StoredObject,
} from './object-store.ts';
import { checkSignal } from './write-conditions.ts';

export interface LimitedStoreOptions {
  readonly concurrencyMax: number;
  /** Places beyond those, for urgent calls only. */
  readonly urgentMax: number;
  /** For either kind of call. */
  readonly waitingMax: number;
}

export const defaultLimits: LimitedStoreOptions = { concurrencyMax: 64, urgentMax: 4, waitingMax: 4096 };

export class LimitedStore implements ObjectStore {
  readonly label: string;
  readonly remote: boolean;
  readonly #inner: ObjectStore;
  readonly #places: Places;
  readonly #urgentPlaces: Places;

  constructor(inner: ObjectStore, options: LimitedStoreOptions = defaultLimits) {
    this.#inner = inner;
    this.#places = new Places(options.concurrencyMax, options.waitingMax);
    this.#urgentPlaces = new Places(options.urgentMax, options.waitingMax);
    this.label = inner.label;
    this.remote = inner.remote;
  }

  put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo> {
    return this.#run(options, () => this.#inner.put(key, body, options));
  }

  get(key: string, options?: GetOptions): Promise<StoredObject> {
    return this.#run(options, () => this.#inner.get(key, options));
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#run(options, () => this.#inner.head(key, options));
  }

  async *list(options: ListOptions): AsyncIterable<ObjectInfo> {
    const iterator = this.#inner.list(options)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.#run(options, () => iterator.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  }

  deleteMany(keys: readonly string[], options?: CallOptions): Promise<DeleteFailure[]> {
    return this.#run(options, () => this.#inner.deleteMany(keys, options));
  }

  async multipart(key: string, options?: CallOptions): Promise<MultipartUpload> {
    const upload = await this.#run(options, () => this.#inner.multipart(key, options));
    return {
      part: (body, partOptions) => this.#run(partOptions, () => upload.part(body, partOptions)),
      complete: (putOptions) => this.#run(putOptions, () => upload.complete(putOptions)),
      abort: () => this.#run(undefined, () => upload.abort()),
    };
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#inner[Symbol.asyncDispose]();
  }

  #run<T>(options: CallOptions | undefined, call: () => Promise<T>): Promise<T> {
    const places = options?.urgent === true ? this.#urgentPlaces : this.#places;
    return places.run(options?.signal, call);
  }
}

/** Places that are taken for the length of a call, and handed over first come, first served. */
class Places {
  readonly #count: number;
  readonly #waitingMax: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(count: number, waitingMax: number) {
    this.#count = count;
    this.#waitingMax = waitingMax;
  }

  async run<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    if (this.#taken < this.#count) this.#taken++;
    else await this.#turn(signal);
    try {
      return await call();
    } finally {
      const next = this.#waiting.values().next().value;
      if (next === undefined) this.#taken--;
      else next();
    }
  }

  /** Resolves when a place was handed over. */
  #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.size >= this.#waitingMax) {
      throw new EngineError('store-unavailable', `${this.#waiting.size} calls wait for the store already`, {
        context: { waitingMax: this.#waitingMax, concurrencyMax: this.#count },
      });
    }
    checkSignal(signal, 'a call waiting for the store');
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.delete(go);
        reject(new EngineError('cancelled', 'a call waiting for the store was cancelled', { cause: signal?.reason }));
      };
      const go = () => {
        this.#waiting.delete(go);
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#waiting.add(go);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
