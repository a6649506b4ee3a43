// The object store in memory: for `memory:` URLs, tests and the deterministic simulator.
//
// - every version has an etag of its own, counted up; content is copied in and out, so nobody can change what is stored
// - with a clock and `flushDelayMs`, a put is visible at once and resolves later; `crash` takes back what had not resolved,
//   drops unfinished uploads and makes every later call on this instance fail, while `reopen` gives the store after it
// What it refuses: nothing that the port allows; it is bounded only by memory.

import { type Clock, sleep } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import { bodyLength, copyBody } from './body.ts';
import { answerMemory, resolveRange } from './byte-range.ts';
import { MultipartLedger, partBytesMinDefault } from './multipart-ledger.ts';
import { checkKey, compareKeys } from './object-key.ts';
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
import { checkConditions, checkSignal, objectNotFound, preconditionFailed } from './write-conditions.ts';

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** How long a write stays unflushed; 0 (the default) makes it durable at once. */
  readonly flushDelayMs?: number;
  readonly partBytesMin?: number;
  /** Answer of `remote`, for tests of what depends on it. */
  readonly remote?: boolean;
}

interface Version {
  readonly info: ObjectInfo;
  readonly bytes: Buffer;
}

interface Unflushed {
  readonly key: string;
  readonly before: Version | undefined;
}

export class MemoryStore implements ObjectStore {
  readonly label = 'memory:';
  readonly remote: boolean;
  readonly #options: MemoryStoreOptions;
  readonly #versions: Map<string, Version>;
  /** Keys in order, made anew when the set of keys has changed since. */
  #sortedKeys: string[] | undefined;
  #versionCount: number;
  readonly #unflushed = new Set<Unflushed>();
  #crashed = false;

  constructor(options: MemoryStoreOptions, versions = new Map<string, Version>(), versionCount = 0) {
    this.#options = options;
    this.remote = options.remote ?? false;
    this.#versions = versions;
    this.#versionCount = versionCount;
  }

  async put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo> {
    this.#enter(key, options);
    checkConditions(key, options);
    return await this.#publish(key, copyBody(body), options);
  }

  async get(key: string, options?: GetOptions): Promise<StoredObject> {
    this.#enter(key, options);
    const version = this.#versions.get(key);
    if (version === undefined) throw objectNotFound(key);
    const { start, end } = resolveRange(key, options?.range, version.bytes.length);
    const bytes = answerMemory(key, end - start, options?.into);
    version.bytes.copy(bytes, 0, start, end);
    return { info: version.info, bytes };
  }

  async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    this.#enter(key, options);
    return this.#versions.get(key)?.info;
  }

  async *list(options: ListOptions): AsyncIterable<ObjectInfo> {
    const { prefix, startAfter = '', signal } = options;
    let last = startAfter;
    for (;;) {
      checkSignal(signal, 'list');
      this.#mustLive();
      const keys = this.#keysInOrder();
      let at = firstIndex(keys, (key) => compareKeys(key, last) > 0 && compareKeys(key, prefix) >= 0);
      // Until the set of keys changes under the reader; then the place is looked up again.
      for (; this.#sortedKeys === keys; at++) {
        const key = keys[at];
        if (key === undefined || !key.startsWith(prefix)) return;
        last = key;
        yield (this.#versions.get(key) as Version).info;
        checkSignal(signal, 'list');
        this.#mustLive();
      }
    }
  }

  async deleteMany(keys: readonly string[], options?: CallOptions): Promise<DeleteFailure[]> {
    for (const key of keys) this.#enter(key, options);
    for (const key of keys) {
      if (!this.#versions.delete(key)) continue;
      this.#sortedKeys = undefined;
      // A delete is durable at once: a crash must not bring back what the deleted version had replaced.
      for (const unflushed of this.#unflushed) if (unflushed.key === key) this.#unflushed.delete(unflushed);
    }
    return [];
  }

  async multipart(key: string, options?: CallOptions): Promise<MultipartUpload> {
    this.#enter(key, options);
    const ledger = new MultipartLedger(key, this.#options.partBytesMin ?? partBytesMinDefault);
    const parts: Buffer[] = [];
    return {
      part: async (body, partOptions) => {
        this.#enter(key, partOptions);
        const { number } = ledger.claim(bodyLength(body), partOptions?.place);
        parts[number - 1] = copyBody(body);
        ledger.stored(number);
      },
      complete: async (putOptions) => {
        this.#enter(key, putOptions);
        checkConditions(key, putOptions);
        ledger.checkComplete();
        const info = await this.#publish(key, Buffer.concat(parts), putOptions);
        ledger.complete();
        parts.length = 0;
        return info;
      },
      abort: async () => {
        ledger.close();
        parts.length = 0;
      },
    };
  }

  /** Loses what was not flushed. Calls under way and later ones reject; `reopen` goes on with what was durable. */
  crash(): void {
    this.#crashed = true;
    for (const { key, before } of [...this.#unflushed].reverse()) {
      if (before === undefined) this.#versions.delete(key);
      else this.#versions.set(key, before);
    }
    this.#unflushed.clear();
    this.#sortedKeys = undefined;
  }

  reopen(): MemoryStore {
    this.crash();
    return new MemoryStore(this.#options, this.#versions, this.#versionCount);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #publish(key: string, bytes: Buffer, options: PutOptions | undefined): Promise<ObjectInfo> {
    const before = this.#versions.get(key);
    if (options?.createOnly === true && before !== undefined) throw preconditionFailed(key, options);
    if (options?.ifMatch !== undefined && before?.info.etag !== options.ifMatch) throw preconditionFailed(key, options);
    const etag = `m${++this.#versionCount}`;
    const info = { key, sizeBytes: bytes.length, modifiedMs: this.#options.clock.nowMs(), etag };
    this.#versions.set(key, { info, bytes });
    if (before === undefined) this.#sortedKeys = undefined;
    const delayMs = this.#options.flushDelayMs ?? 0;
    if (delayMs > 0) {
      const unflushed = { key, before };
      this.#unflushed.add(unflushed);
      await sleep(this.#options.clock, delayMs);
      if (this.#crashed) throw crashError();
      this.#unflushed.delete(unflushed);
    }
    return info;
  }

  #enter(key: string, options: CallOptions | undefined): void {
    checkKey(key);
    checkSignal(options?.signal, `the call for ${key}`);
    this.#mustLive();
  }

  #mustLive(): void {
    if (this.#crashed) throw crashError();
  }

  #keysInOrder(): string[] {
    this.#sortedKeys ??= [...this.#versions.keys()].sort(compareKeys);
    return this.#sortedKeys;
  }
}

function crashError(): EngineError {
  return new EngineError('store-unavailable', 'the store in memory has crashed');
}

/** Index of the first key for which `holds` is true; `holds` must not go back to false. */
function firstIndex(keys: readonly string[], holds: (key: string) => boolean): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(keys[middle] as string)) high = middle;
    else low = middle + 1;
  }
  return low;
}
