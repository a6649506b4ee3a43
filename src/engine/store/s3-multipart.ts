// A multipart upload to an S3 server. Every part carries its CRC32C, and the completion names them all.

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { EngineError, hasCode } from '../base/errors.ts';
import { bodyLength } from './body.ts';
import type { MultipartLedger } from './multipart-ledger.ts';
import type { Body, MultipartUpload, ObjectInfo, PartOptions, PutOptions } from './object-store.ts';
import { conditions, refusedWrite } from './s3-conditions.ts';
import { s3StoreError } from './s3-errors.ts';
import { addHeaders, answerHeaders, payloadHash, s3Body } from './s3-transfer.ts';
import { checkConditions, checkSignal } from './write-conditions.ts';

export interface S3MultipartParts {
  readonly client: S3Client;
  readonly key: string;
  readonly target: { readonly Bucket: string; readonly Key: string; readonly UploadId: string };
  readonly payloadSigning: boolean;
  readonly ledger: MultipartLedger;
  written(sizeBytes: number, etag: string | undefined, headers: Record<string, string>): ObjectInfo;
}

interface UploadedPart {
  readonly PartNumber: number;
  readonly ETag: string;
  readonly ChecksumCRC32C: string;
}

export class S3MultipartUpload implements MultipartUpload {
  readonly #it: S3MultipartParts;
  readonly #uploaded: UploadedPart[] = [];

  constructor(it: S3MultipartParts) {
    this.#it = it;
  }

  async part(body: Body, options?: PartOptions): Promise<void> {
    const { client, key, target, payloadSigning, ledger } = this.#it;
    const { number } = ledger.claim(bodyLength(body), options?.place);
    const what = `part ${number} of ${key}`;
    checkSignal(options?.signal, what);
    try {
      const sent = s3Body(body);
      const command = new UploadPartCommand({ ...target, ...sent, PartNumber: number });
      addHeaders(command, { 'x-amz-content-sha256': payloadHash(body, payloadSigning) });
      const { ETag } = await client.send(command, options?.signal === undefined ? {} : { abortSignal: options.signal });
      if (ETag === undefined) throw new EngineError('store-unavailable', `${what}: the server gave no ETag`);
      this.#uploaded[number - 1] = { PartNumber: number, ETag, ChecksumCRC32C: sent.ChecksumCRC32C };
      ledger.stored(number);
    } catch (error) {
      throw s3StoreError(error, what, options?.signal);
    }
  }

  async complete(options?: PutOptions): Promise<ObjectInfo> {
    const { client, key, target, ledger, written } = this.#it;
    checkConditions(key, options);
    checkSignal(options?.signal, `complete ${key}`);
    ledger.checkComplete();
    try {
      const command = new CompleteMultipartUploadCommand({
        ...target,
        ...conditions(options),
        MultipartUpload: { Parts: this.#uploaded },
      });
      const headers = answerHeaders(command);
      const { ETag } = await client.send(command, options?.signal === undefined ? {} : { abortSignal: options.signal });
      const info = written(ledger.sizeBytes, ETag, headers);
      ledger.complete();
      return info;
    } catch (error) {
      throw refusedWrite(s3StoreError(error, `complete ${key}`, options?.signal), key, options);
    }
  }

  async abort(): Promise<void> {
    const { client, key, target, ledger } = this.#it;
    // A completed upload has nothing left to abort; an aborted one is asked again, in case the first time was lost.
    if (ledger.completed) return;
    ledger.close();
    try {
      await client.send(new AbortMultipartUploadCommand(target));
    } catch (error) {
      const mapped = s3StoreError(error, `abort ${key}`);
      if (!hasCode(mapped, 'object-not-found')) throw mapped;
    }
  }
}
