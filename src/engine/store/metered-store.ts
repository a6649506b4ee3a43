// Decorator: tells how every call to the store went. Directly above the adapter it sees each try of a retried call.

import type { Clock } from '../base/clock.ts';
import type { ErrorCode } from '../base/error-table.ts';
import { toEngineError } from '../base/errors.ts';
import { bodyLength } from './body.ts';
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

export type StoreOperation =
  | 'put'
  | 'get'
  | 'head'
  | 'list'
  | 'delete'
  | 'multipart-create'
  | 'multipart-part'
  | 'multipart-complete'
  | 'multipart-abort';

export interface StoreMetrics {
  /**
   * One call ended. `outcome` is "ok" or the code of the error; `bytes` is content moved either way, 0 for a failed call. A
   * listing counts once, at its end, with the time that was spent waiting for it.
   */
  observe(operation: StoreOperation, outcome: 'ok' | ErrorCode, seconds: number, bytes: number): void;
}

export class MeteredStore implements ObjectStore {
  readonly label: string;
  readonly remote: boolean;
  readonly #inner: ObjectStore;
  readonly #metrics: StoreMetrics;
  readonly #clock: Clock;

  constructor(inner: ObjectStore, metrics: StoreMetrics, clock: Clock) {
    this.#inner = inner;
    this.#metrics = metrics;
    this.#clock = clock;
    this.label = inner.label;
    this.remote = inner.remote;
  }

  put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo> {
    return this.#measure(
      'put',
      () => this.#inner.put(key, body, options),
      () => bodyLength(body),
    );
  }

  get(key: string, options?: GetOptions): Promise<StoredObject> {
    return this.#measure(
      'get',
      () => this.#inner.get(key, options),
      (object) => object.bytes.length,
    );
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#measure('head', () => this.#inner.head(key, options));
  }

  async *list(options: ListOptions): AsyncIterable<ObjectInfo> {
    let waitedMs = 0;
    let outcome: 'ok' | ErrorCode = 'ok';
    const iterator = this.#inner.list(options)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const startMs = this.#clock.monotonicMs();
        const next = await iterator.next().finally(() => {
          waitedMs += this.#clock.monotonicMs() - startMs;
        });
        if (next.done === true) return;
        yield next.value;
      }
    } catch (error) {
      outcome = toEngineError(error).code;
      throw error;
    } finally {
      this.#metrics.observe('list', outcome, waitedMs / 1000, 0);
      await iterator.return?.();
    }
  }

  deleteMany(keys: readonly string[], options?: CallOptions): Promise<DeleteFailure[]> {
    return this.#measure('delete', () => this.#inner.deleteMany(keys, options));
  }

  async multipart(key: string, options?: CallOptions): Promise<MultipartUpload> {
    const upload = await this.#measure('multipart-create', () => this.#inner.multipart(key, options));
    return {
      part: (body, partOptions) =>
        this.#measure(
          'multipart-part',
          () => upload.part(body, partOptions),
          () => bodyLength(body),
        ),
      complete: (putOptions) => this.#measure('multipart-complete', () => upload.complete(putOptions)),
      abort: () => this.#measure('multipart-abort', () => upload.abort()),
    };
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#inner[Symbol.asyncDispose]();
  }

  async #measure<T>(
    operation: StoreOperation,
    call: () => Promise<T>,
    bytes: (result: T) => number = () => 0,
  ): Promise<T> {
    const startMs = this.#clock.monotonicMs();
    const observe = (outcome: 'ok' | ErrorCode, moved: number) =>
      this.#metrics.observe(operation, outcome, (this.#clock.monotonicMs() - startMs) / 1000, moved);
    let result: T;
    try {
      result = await call();
    } catch (error) {
      observe(toEngineError(error).code, 0);
      throw error;
    }
    observe('ok', bytes(result));
    return result;
  }
}
