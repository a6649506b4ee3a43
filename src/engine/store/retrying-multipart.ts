// Retries of a multipart upload. Parts go again under their own number. A completion that got lost is settled by reading the
// object back part by part: length and CRC32C of every part are kept, so nothing is held in memory for it.

import { crc32c } from '../base/checksum.ts';
import { hasCode } from '../base/errors.ts';
import { bodyCrc32c, bodyLength } from './body.ts';
import type { CallRetry } from './call-retry.ts';
import type { Body, MultipartUpload, ObjectInfo, ObjectStore, PartOptions, PutOptions } from './object-store.ts';
import { mayHaveHappened } from './retry-policy.ts';
import { settleRefusal } from './unknown-write.ts';

interface SentPart {
  readonly length: number;
  readonly checksum: number;
}

export class RetryingMultipartUpload implements MultipartUpload {
  readonly #store: ObjectStore;
  readonly #retry: CallRetry;
  readonly #key: string;
  readonly #inner: MultipartUpload;
  readonly #sent: SentPart[] = [];
  #sentBytes = 0;

  constructor(store: ObjectStore, retry: CallRetry, key: string, inner: MultipartUpload) {
    this.#store = store;
    this.#retry = retry;
    this.#key = key;
    this.#inner = inner;
  }

  async part(body: Body, options: PartOptions = {}): Promise<void> {
    // Settled before the first try: a later part may reach the store while this one is tried again.
    const place = options.place ?? { number: this.#sent.length + 1, start: this.#sentBytes };
    if (options.place === undefined) this.#sentBytes += bodyLength(body);
    this.#sent[place.number - 1] = { length: bodyLength(body), checksum: bodyCrc32c(body) };
    await this.#retry.call({
      what: `part ${place.number} of ${this.#key}`,
      bytes: bodyLength(body),
      signal: options.signal,
      run: (signal) => this.#inner.part(body, { place, signal }),
    });
  }

  complete(options: PutOptions = {}): Promise<ObjectInfo> {
    let unknown = false;
    return this.#retry.call({
      what: `complete ${this.#key}`,
      bytes: 0,
      signal: options.signal,
      run: async (signal, earlier) => {
        if (earlier !== undefined && mayHaveHappened(earlier)) unknown = true;
        try {
          return await this.#inner.complete({ ...options, signal });
        } catch (error) {
          // A server that has completed an upload does not know it any more; an adapter that has may call it closed.
          if (!unknown || !hasCode(error, 'precondition-failed', 'object-not-found', 'usage')) throw error;
          return await settleRefusal(this.#store, this.#key, options, error, signal, () => this.#readBack(signal));
        }
      },
    });
  }

  abort(): Promise<void> {
    return this.#retry.call({ what: `abort ${this.#key}`, bytes: 0, run: () => this.#inner.abort() });
  }

  async #readBack(signal: AbortSignal): Promise<ObjectInfo | undefined> {
    const info = await this.#store.head(this.#key, { signal });
    const sizeBytes = this.#sent.reduce((sum, part) => sum + part.length, 0);
    if (info === undefined || info.sizeBytes !== sizeBytes) return undefined;
    let start = 0;
    for (const { length, checksum } of this.#sent) {
      if (length === 0) continue;
      const { info: same, bytes } = await this.#store.get(this.#key, { range: { start, end: start + length }, signal });
      if (same.etag !== info.etag || crc32c(bytes) !== checksum) return undefined;
      start += length;
    }
    return info;
  }
}
