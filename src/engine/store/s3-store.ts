// The object store on an S3 server.
//
// - bodies are streamed over their parts, unsigned by default, with a CRC32C of ours that the server checks
// - conditions are If-None-Match: * and If-Match; a server that ignores them is no store for a cluster (the conformance suite tells)
// - one try per call: retries are the retrying store's, which knows what a conditional write that got no answer means
// - what comes back is verified: length always, CRC32C where the server keeps one for the whole object
// - `modifiedMs` is the server's time: Last-Modified, and the Date of the answer for a write
// What it refuses: a bucket that does not exist is `store-url`, never an empty store.

import {
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Clock } from '../base/clock.ts';
import { EngineError, hasCode } from '../base/errors.ts';
import { bodyLength } from './body.ts';
import { answerMemory, checkRange, rangeError } from './byte-range.ts';
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
import { newS3Client } from './s3-client.ts';
import { conditions, refusedWrite } from './s3-conditions.ts';
import { mayDeleteLater, s3StoreError } from './s3-errors.ts';
import { S3MultipartUpload } from './s3-multipart.ts';
import { addHeaders, answerHeaders, payloadHash, readAnswer, s3Body, verifyChecksum } from './s3-transfer.ts';
import type { S3StoreUrl } from './store-url.ts';
import { checkConditions, checkSignal, objectNotFound } from './write-conditions.ts';

export interface S3StoreOptions {
  readonly url: S3StoreUrl;
  readonly clock: Clock;
  readonly connectionsMax?: number;
}

const deletesPerCall = 1000;
/** A whole object is read into one buffer; larger ones are read in ranges. */
const getBytesMax = 2 ** 31 - 1;

export class S3Store implements ObjectStore {
  readonly label: string;
  readonly remote = true;
  readonly #url: S3StoreUrl;
  readonly #clock: Clock;
  readonly #client: S3Client;
  #bucketSeen = false;

  constructor(options: S3StoreOptions) {
    const { bucket, prefix } = options.url;
    this.label = prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`;
    this.#url = options.url;
    this.#clock = options.clock;
    this.#client = newS3Client(options.url, options.connectionsMax ?? 64);
  }

  async put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo> {
    const what = this.#enter('put', key, options);
    checkConditions(key, options);
    try {
      const command = new PutObjectCommand({
        ...this.#object(key),
        ...this.#storage(),
        ...s3Body(body),
        ...conditions(options),
      });
      addHeaders(command, { 'x-amz-content-sha256': payloadHash(body, this.#url.payloadSigning) });
      const headers = answerHeaders(command);
      const { ETag } = await this.#client.send(command, sendOptions(options));
      return this.#writtenInfo(key, bodyLength(body), ETag, headers, what);
    } catch (error) {
      throw refusedWrite(s3StoreError(error, what, options?.signal), key, options);
    }
  }

  async get(key: string, options?: GetOptions): Promise<StoredObject> {
    const what = this.#enter('get', key, options);
    const range = options?.range;
    if (range !== undefined) checkRange(key, range);
    try {
      const header =
        range === undefined ? {} : { Range: `bytes=${range.start}-${range.end === undefined ? '' : range.end - 1}` };
      const command = new GetObjectCommand({ ...this.#object(key), ...header });
      // Asked for by hand: the SDK would check the answer itself, slowly.
      if (range === undefined) addHeaders(command, { 'x-amz-checksum-mode': 'ENABLED' });
      const answer = await this.#client.send(command, sendOptions(options));
      const { start, end, total } = answeredRange(answer.ContentRange, answer.ContentLength, range !== undefined, what);
      const expectedEnd = Math.min(range?.end ?? total, total);
      if (start !== (range?.start ?? 0) || end !== expectedEnd) {
        throw new EngineError(
          'store-unavailable',
          `${what}: the server gave bytes ${start} to ${end}, not the range asked for`,
        );
      }
      if (end - start > getBytesMax)
        throw new EngineError('usage', `${what}: ${end - start} bytes are too many for one read`);
      const bytes = answerMemory(key, end - start, options?.into);
      await readAnswer(answer.Body, bytes, what);
      if (range === undefined) verifyChecksum(bytes, answer.ChecksumCRC32C, what);
      const info = this.#info(key, total, answer.LastModified, answer.ETag, what);
      return { info, bytes };
    } catch (error) {
      const mapped = s3StoreError(error, what, options?.signal);
      if (mapped.context['status'] === 416 && range !== undefined)
        throw rangeError(key, range, 'it begins behind the end');
      if (hasCode(mapped, 'object-not-found')) throw objectNotFound(key);
      throw mapped;
    }
  }

  async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    const what = this.#enter('head', key, options);
    try {
      const answer = await this.#client.send(new HeadObjectCommand(this.#object(key)), sendOptions(options));
      this.#bucketSeen = true;
      return this.#info(key, answer.ContentLength ?? 0, answer.LastModified, answer.ETag, what);
    } catch (error) {
      const mapped = s3StoreError(error, what, options?.signal);
      if (!hasCode(mapped, 'object-not-found')) throw mapped;
      await this.#mustHaveBucket(options);
      return undefined;
    }
  }

  async *list(options: ListOptions): AsyncIterable<ObjectInfo> {
    const what = `list ${options.prefix}`;
    const { signal, startAfter } = options;
    let token: string | undefined;
    let last: string | undefined;
    do {
      checkSignal(signal, what);
      const command = new ListObjectsV2Command({
        Bucket: this.#url.bucket,
        Prefix: this.#fullKey(options.prefix),
        EncodingType: 'url',
        ...(startAfter === undefined || startAfter === '' ? {} : { StartAfter: this.#fullKey(startAfter) }),
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const answer = await this.#client.send(command, sendOptions(options)).catch((error: unknown) => {
        throw s3StoreError(error, what, signal);
      });
      for (const found of answer.Contents ?? []) {
        const fullKey = answer.EncodingType === 'url' ? decodeKey(found.Key ?? '') : (found.Key ?? '');
        const key = this.#ownKey(fullKey);
        if (key === undefined) continue;
        if (last !== undefined && compareKeys(key, last) <= 0) {
          throw new EngineError(
            'unsupported-platform',
            `${what}: the server lists "${key}" behind "${last}", not in key order`,
          );
        }
        last = key;
        yield this.#info(key, found.Size ?? 0, found.LastModified, found.ETag, what);
      }
      token = answer.IsTruncated === true ? answer.NextContinuationToken : undefined;
      if (answer.IsTruncated === true && token === undefined) {
        throw new EngineError('store-unavailable', `${what}: the server says there is more, and not where`);
      }
    } while (token !== undefined);
  }

  async deleteMany(keys: readonly string[], options?: CallOptions): Promise<DeleteFailure[]> {
    for (const key of keys) checkKey(key);
    const failures: DeleteFailure[] = [];
    for (let start = 0; start < keys.length; start += deletesPerCall) {
      const what = `delete ${keys.length} objects`;
      checkSignal(options?.signal, what);
      const Objects = keys.slice(start, start + deletesPerCall).map((key) => ({ Key: this.#fullKey(key) }));
      try {
        const command = new DeleteObjectsCommand({ Bucket: this.#url.bucket, Delete: { Objects, Quiet: true } });
        const { Errors = [] } = await this.#client.send(command, sendOptions(options));
        for (const { Key = '', Code = '', Message = '' } of Errors) {
          if (Code === 'NoSuchKey') continue;
          const key = this.#ownKey(Key) ?? Key;
          failures.push({ key, message: `${Code}: ${Message}`, retryable: mayDeleteLater(Code) });
        }
      } catch (error) {
        throw s3StoreError(error, what, options?.signal);
      }
    }
    return failures;
  }

  async multipart(key: string, options?: CallOptions): Promise<MultipartUpload> {
    const what = this.#enter('multipart', key, options);
    try {
      const command = new CreateMultipartUploadCommand({
        ...this.#object(key),
        ...this.#storage(),
        ChecksumAlgorithm: 'CRC32C',
      });
      const { UploadId } = await this.#client.send(command, sendOptions(options));
      if (UploadId === undefined) throw new EngineError('store-unavailable', `${what}: the server named no upload`);
      return new S3MultipartUpload({
        client: this.#client,
        key,
        target: { ...this.#object(key), UploadId },
        payloadSigning: this.#url.payloadSigning,
        ledger: new MultipartLedger(key, partBytesMinDefault),
        written: (sizeBytes, etag, headers) => this.#writtenInfo(key, sizeBytes, etag, headers, `complete ${key}`),
      });
    } catch (error) {
      throw s3StoreError(error, what, options?.signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
  }

  #enter(operation: string, key: string, options: CallOptions | undefined): string {
    checkKey(key);
    const what = `${operation} ${key}`;
    checkSignal(options?.signal, what);
    return what;
  }

  #fullKey(key: string): string {
    return this.#url.prefix === '' ? key : `${this.#url.prefix}/${key}`;
  }

  /** The key below our prefix; undefined for what other programs put there and no key of ours can name ("folder/"). */
  #ownKey(fullKey: string): string | undefined {
    const key = this.#url.prefix === '' ? fullKey : fullKey.slice(this.#url.prefix.length + 1);
    try {
      checkKey(key);
      return key;
    } catch {
      return undefined;
    }
  }

  #object(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#url.bucket, Key: this.#fullKey(key) };
  }

  #storage(): Record<string, never> {
    const { sse, sseKmsKeyId, storageClass } = this.#url;
    return {
      ...(sse === undefined ? {} : { ServerSideEncryption: sse }),
      ...(sseKmsKeyId === undefined ? {} : { SSEKMSKeyId: sseKmsKeyId }),
      ...(storageClass === undefined ? {} : { StorageClass: storageClass }),
    } as Record<string, never>;
  }

  #info(
    key: string,
    sizeBytes: number,
    modified: Date | undefined,
    etag: string | undefined,
    what: string,
  ): ObjectInfo {
    if (etag === undefined) throw new EngineError('store-unavailable', `${what}: the server gave no ETag`);
    return { key, sizeBytes, modifiedMs: modified?.getTime() ?? this.#clock.nowMs(), etag: etag.replace(/^"|"$/g, '') };
  }

  #writtenInfo(
    key: string,
    sizeBytes: number,
    etag: string | undefined,
    headers: Record<string, string>,
    what: string,
  ): ObjectInfo {
    this.#bucketSeen = true;
    const date = new Date(headers['date'] ?? '');
    return this.#info(key, sizeBytes, Number.isNaN(date.getTime()) ? undefined : date, etag, what);
  }

  /** An answer to HEAD has no body, so "no such key" and "no such bucket" look alike until the bucket was seen once. */
  async #mustHaveBucket(options: CallOptions | undefined): Promise<void> {
    if (this.#bucketSeen) return;
    try {
      await this.#client.send(new HeadBucketCommand({ Bucket: this.#url.bucket }), sendOptions(options));
    } catch (error) {
      const mapped = s3StoreError(error, `look for bucket ${this.#url.bucket}`, options?.signal);
      if (hasCode(mapped, 'object-not-found')) {
        throw new EngineError('store-url', `bucket ${this.#url.bucket} does not exist`, {
          hint: 'create the bucket, or correct its name in the store URL',
        });
      }
      // Not everybody may ask for the bucket.
      if (!hasCode(mapped, 'store-denied')) throw mapped;
    }
    this.#bucketSeen = true;
  }
}

function sendOptions(options: CallOptions | undefined): { abortSignal?: AbortSignal } {
  return options?.signal === undefined ? {} : { abortSignal: options.signal };
}

function answeredRange(
  contentRange: string | undefined,
  contentLength: number | undefined,
  ranged: boolean,
  what: string,
): { start: number; end: number; total: number } {
  if (contentLength === undefined) throw new EngineError('store-unavailable', `${what}: the server gave no length`);
  if (!ranged) return { start: 0, end: contentLength, total: contentLength };
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange ?? '');
  if (match === null) throw new EngineError('store-unavailable', `${what}: the server did not say which range it gave`);
  const [start, lastByte, total] = match.slice(1).map(Number) as [number, number, number];
  if (contentLength !== lastByte + 1 - start) {
    throw new EngineError('store-unavailable', `${what}: length and range of the answer do not agree`);
  }
  return { start, end: lastByte + 1, total };
}

function decodeKey(encoded: string): string {
  return decodeURIComponent(encoded.replaceAll('+', ' '));
}
