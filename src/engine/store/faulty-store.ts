// Decorator: makes calls to the store go wrong, as a plan says (fault-plan.ts). For tests and the simulator.
// `cut` is the death of the process that uses the store: what is under way does not reach the store any more.

import { type Clock, sleep } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import type { Fault, FaultPlan } from './fault-plan.ts';
import type { StoreOperation } from './metered-store.ts';
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

export class FaultyStore implements ObjectStore {
  readonly label: string;
  readonly remote: boolean;
  readonly #inner: ObjectStore;
  readonly #plan: FaultPlan;
  readonly #clock: Clock;
  #cut = false;

  constructor(inner: ObjectStore, plan: FaultPlan, clock: Clock) {
    this.#inner = inner;
    this.#plan = plan;
    this.#clock = clock;
    this.label = inner.label;
    this.remote = inner.remote;
  }

  cut(): void {
    this.#cut = true;
  }

  put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo> {
    // What arrives late was sent before: the caller may use the memory again once it was told of the time-out.
    let sent = body;
    return this.#run('put', key, options, () => this.#inner.put(key, sent, options), {
      late: () => {
        sent = [Buffer.concat(body)];
      },
    });
  }

  async get(key: string, options?: GetOptions): Promise<StoredObject> {
    return await this.#run('get', key, options, () => this.#inner.get(key, options), {
      tear: (object) => ({ ...object, bytes: object.bytes.subarray(0, object.bytes.length >> 1) }),
    });
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    return this.#run('head', key, options, () => this.#inner.head(key, options));
  }

  async *list(options: ListOptions): AsyncIterable<ObjectInfo> {
    const fault = this.#plan.next('list', options.prefix);
    await this.#before('list', fault, options.signal);
    const listing = this.#inner.list(options);
    const infos = fault?.kind === 'late-list' ? await Array.fromAsync(listing) : listing;
    let count = 0;
    for await (const info of infos) {
      this.#mustLive('list');
      // A listing that breaks off has given something before.
      if (isTimeout(fault) && ++count > 1) throw timeout('list');
      yield info;
    }
    if (isTimeout(fault)) throw timeout('list');
  }

  deleteMany(keys: readonly string[], options?: CallOptions): Promise<DeleteFailure[]> {
    return this.#run('delete', '', options, () => this.#inner.deleteMany(keys, options));
  }

  async multipart(key: string, options?: CallOptions): Promise<MultipartUpload> {
    const upload = await this.#run('multipart-create', key, options, () => this.#inner.multipart(key, options));
    return {
      part: (body, partOptions) => this.#run('multipart-part', key, partOptions, () => upload.part(body, partOptions)),
      complete: (putOptions) => this.#run('multipart-complete', key, putOptions, () => upload.complete(putOptions)),
      abort: () => this.#run('multipart-abort', key, undefined, () => upload.abort()),
    };
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#inner[Symbol.asyncDispose]();
  }

  async #run<T>(
    operation: StoreOperation,
    key: string,
    options: CallOptions | undefined,
    call: () => Promise<T>,
    special: { readonly tear?: (result: T) => T; readonly late?: () => void } = {},
  ): Promise<T> {
    const fault = this.#plan.next(operation, key);
    if (fault?.kind === 'timeout-late') {
      special.late?.();
      const happen = async () => {
        await sleep(this.#clock, fault.latencyMs ?? 0);
        if (!this.#cut) await call();
      };
      happen().catch(() => {});
      throw timeout(operation);
    }
    await this.#before(operation, fault, options?.signal);
    if (fault?.kind === 'timeout-before') throw timeout(operation);
    const result = await call();
    this.#mustLive(operation);
    if (fault?.kind === 'timeout-after') throw timeout(operation);
    return fault?.kind === 'torn-read' && special.tear !== undefined ? special.tear(result) : result;
  }

  async #before(operation: StoreOperation, fault: Fault | undefined, signal: AbortSignal | undefined): Promise<void> {
    this.#mustLive(operation);
    if (fault?.latencyMs !== undefined && fault.latencyMs > 0) {
      await sleep(this.#clock, fault.latencyMs, signal).catch((reason: unknown) => {
        throw new EngineError('cancelled', `${operation} was cancelled`, { cause: reason });
      });
      this.#mustLive(operation);
    }
    if (fault?.kind === 'unavailable') throw new EngineError('store-unavailable', `${operation}: injected 503`);
    if (fault?.kind === 'conflict') throw new EngineError('store-conflict', `${operation}: injected 409`);
  }

  #mustLive(operation: StoreOperation): void {
    if (this.#cut) throw new EngineError('store-unavailable', `${operation}: cut off from the store`);
  }
}

function isTimeout(fault: Fault | undefined): boolean {
  return fault?.kind?.startsWith('timeout') ?? false;
}

function timeout(operation: StoreOperation): EngineError {
  return new EngineError('store-timeout', `${operation}: injected time-out`);
}
