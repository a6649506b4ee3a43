// A store that only reads: inspection cannot write by mistake, whatever is built on it. Writes are refused with `store-denied`,
// before anything is sent.

import { EngineError } from '../base/errors.ts';
import type {
  CallOptions,
  DeleteFailure,
  GetOptions,
  ListOptions,
  MultipartUpload,
  ObjectInfo,
  ObjectStore,
  StoredObject,
} from './object-store.ts';

export class ReadOnlyStore implements ObjectStore {
  readonly label: string;
  readonly remote: boolean;
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.label = store.label;
    this.remote = store.remote;
    this.#store = store;
  }

  get(key: string, options?: GetOptions): Promise<StoredObject> {
    return this.#store.get(key, options);
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#store.head(key, options);
  }

  list(options: ListOptions): AsyncIterable<ObjectInfo> {
    return this.#store.list(options);
  }

  async put(key: string): Promise<ObjectInfo> {
    throw refusal(`put ${key}`);
  }

  async deleteMany(keys: readonly string[]): Promise<DeleteFailure[]> {
    throw refusal(`delete ${keys.length} objects`);
  }

  async multipart(key: string): Promise<MultipartUpload> {
    throw refusal(`upload ${key}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }
}

const refusal = (what: string): EngineError =>
  new EngineError('store-denied', `${what}: the store was opened to be read only`, { hint: '' });
