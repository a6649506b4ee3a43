// Decorator: tries calls again that may succeed later, and settles conditional writes whose outcome got lost.
//
// - 503, time-outs and 409 are tried again, with jittered backoff, until the call's deadline; every other error is an answer
// - a conditional write that is refused after an own try with an unknown outcome is not believed: the object is read back.
//   Our content there means that the earlier try succeeded. Other content after a create-only means that somebody else was
//   first; after an if-match it means that nobody can know (ours may have been there and been replaced): `store-timeout`
// - a read that is shorter than the object says is a torn read, and tried again
// - a listing that breaks off goes on behind the last key it gave

import { EngineError, hasCode } from '../base/errors.ts';
import { bodyEquals, bodyLength } from './body.ts';
import { CallRetry, type CallRetryOptions } from './call-retry.ts';
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
import { mayHaveHappened } from './retry-policy.ts';
import { RetryingMultipartUpload } from './retrying-multipart.ts';
import { settleRefusal } from './unknown-write.ts';

export class RetryingStore implements ObjectStore {
  readonly label: string;
  readonly remote: boolean;
  readonly #inner: ObjectStore;
  readonly #retry: CallRetry;

  constructor(inner: ObjectStore, options: CallRetryOptions) {
    this.#inner = inner;
    this.label = inner.label;
    this.remote = inner.remote;
    this.#retry = new CallRetry(options);
  }

  put(key: string, body: Body, options: PutOptions = {}): Promise<ObjectInfo> {
    let unknown = false;
    return this.#retry.call({
      what: `put ${key}`,
      bytes: bodyLength(body),
      signal: options.signal,
      run: async (signal, earlier) => {
        if (earlier !== undefined && mayHaveHappened(earlier)) unknown = true;
        try {
          return await this.#inner.put(key, body, { ...options, signal });
        } catch (error) {
          if (!unknown || !hasCode(error, 'precondition-failed')) throw error;
          return await settleRefusal(this.#inner, key, options, error, signal, async () => {
            const { info, bytes } = await this.#inner.get(key, { signal });
            return bodyEquals(body, bytes) ? info : undefined;
          });
        }
      },
    });
  }

  get(key: string, options: GetOptions = {}): Promise<StoredObject> {
    const { range, into } = options;
    return this.#retry.call({
      what: `get ${key}`,
      bytes: range?.end === undefined ? (into?.length ?? 0) : Math.min(range.end - range.start, 2 ** 30),
      lent: into !== undefined,
      signal: options.signal,
      run: async (signal) => {
        const object = await this.#inner.get(key, { ...options, signal });
        const end = Math.min(range?.end ?? Number.POSITIVE_INFINITY, object.info.sizeBytes);
        const expected = end - (range?.start ?? 0);
        if (object.bytes.length !== expected) {
          throw new EngineError('store-unavailable', `get ${key}: ${object.bytes.length} of ${expected} bytes came`, {
            context: { key, expected, got: object.bytes.length },
          });
        }
        return object;
      },
    });
  }

  head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#retry.call({
      what: `head ${key}`,
      bytes: 0,
      signal: options.signal,
      run: (signal) => this.#inner.head(key, { signal }),
    });
  }

  async *list(options: ListOptions): AsyncIterable<ObjectInfo> {
    let startAfter = options.startAfter;
    let iterator: AsyncIterator<ObjectInfo> | undefined;
    try {
      for (;;) {
        const next = await this.#retry.call({
          what: `list ${options.prefix}`,
          bytes: 0,
          signal: options.signal,
          run: async () => {
            // An iterator that threw is over: the next try begins a new one, behind the last key.
            const from = startAfter === undefined ? {} : { startAfter };
            iterator ??= this.#inner.list({ ...options, ...from })[Symbol.asyncIterator]();
            const current = iterator;
            iterator = undefined;
            const result = await current.next();
            iterator = current;
            return result;
          },
        });
        if (next.done === true) return;
        startAfter = next.value.key;
        yield next.value;
      }
    } finally {
      await iterator?.return?.();
    }
  }

  async deleteMany(keys: readonly string[], options: CallOptions = {}): Promise<DeleteFailure[]> {
    let left = keys;
    let failures: DeleteFailure[] = [];
    const final: DeleteFailure[] = [];
    try {
      return await this.#retry.call({
        what: `delete ${keys.length} objects`,
        bytes: 0,
        signal: options.signal,
        run: async (signal) => {
          failures = await this.#inner.deleteMany(left, { signal });
          final.push(...failures.filter((failure) => failure.retryable !== true));
          failures = failures.filter((failure) => failure.retryable === true);
          if (failures.length === 0) return final;
          left = failures.map((failure) => failure.key);
          throw new EngineError(
            'store-unavailable',
            `${left.length} of ${keys.length} objects could not be deleted yet`,
          );
        },
      });
    } catch (error) {
      // Time ran out over single keys, not over the call: that is a result.
      if (failures.length > 0 && hasCode(error, 'store-unavailable')) return [...final, ...failures];
      throw error;
    }
  }

  async multipart(key: string, options: CallOptions = {}): Promise<MultipartUpload> {
    const upload = await this.#retry.call({
      what: `multipart ${key}`,
      bytes: 0,
      signal: options.signal,
      run: (signal) => this.#inner.multipart(key, { signal }),
    });
    return new RetryingMultipartUpload(this.#inner, this.#retry, key, upload);
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#inner[Symbol.asyncDispose]();
  }
}
