// What the S3 test server keeps: objects and unfinished multipart uploads of one bucket, in memory.

import { createHash } from 'node:crypto';
import { crc32c } from '../../../src/engine/base/checksum.ts';
import { compareKeys } from '../../../src/engine/store/object-key.ts';
import { S3Refusal } from './refusal.ts';

export interface KeptObject {
  readonly key: string;
  readonly bytes: Buffer;
  /** With quotes, as S3 shows it. */
  readonly etag: string;
  readonly modified: Date;
  /** CRC32C in base64; with "-<parts>" for a multipart object. */
  readonly checksum: string | undefined;
  /** Storage class, encryption: request headers that are answered again. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface KeptUpload {
  readonly id: string;
  readonly key: string;
  readonly started: Date;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: Map<number, { readonly bytes: Buffer; readonly etag: string; readonly checksum: string | undefined }>;
}

export class BucketStorage {
  readonly objects = new Map<string, KeptObject>();
  readonly uploads = new Map<string, KeptUpload>();
  /** Conditional writes under way, by key: a second one at the same time gets 409. */
  readonly conditional = new Map<string, number>();
  #sorted: string[] | undefined;

  sortedKeys(): readonly string[] {
    this.#sorted ??= [...this.objects.keys()].sort(compareKeys);
    return this.#sorted;
  }

  keep(object: KeptObject): void {
    if (!this.objects.has(object.key)) this.#sorted = undefined;
    this.objects.set(object.key, object);
  }

  drop(key: string): void {
    if (this.objects.delete(key)) this.#sorted = undefined;
  }

  checkConditions(key: string, ifNoneMatch: string | undefined, ifMatch: string | undefined): void {
    const current = this.objects.get(key);
    if (ifNoneMatch !== undefined && ifNoneMatch !== '*') {
      throw new S3Refusal(501, 'NotImplemented', 'If-None-Match takes only * on a write.');
    }
    if (ifNoneMatch === '*' && current !== undefined) throw preconditionFailed();
    if (ifMatch === undefined) return;
    if (current === undefined) throw new S3Refusal(404, 'NoSuchKey', 'The specified key does not exist.');
    if (current.etag !== ifMatch && current.etag !== `"${ifMatch}"`) throw preconditionFailed();
  }
}

function preconditionFailed(): S3Refusal {
  return new S3Refusal(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold.');
}

export function md5Etag(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

export function checksumBase64(bytes: Uint8Array): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32c(bytes));
  return sum.toString('base64');
}
