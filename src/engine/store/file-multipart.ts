// A multipart upload into the file store: one temp file, every part written at its place in it and flushed, made visible in one step.

import { bodyLength } from './body.ts';
import { fileStoreError } from './file-errors.ts';
import type { OpenFile } from './file-system.ts';
import { writeFlushed } from './flushed-write.ts';
import type { MultipartLedger } from './multipart-ledger.ts';
import type { Body, MultipartUpload, ObjectInfo, PartOptions, PutOptions } from './object-store.ts';
import { checkConditions, checkSignal } from './write-conditions.ts';

export interface FileMultipartSteps {
  readonly key: string;
  readonly file: OpenFile;
  readonly ledger: MultipartLedger;
  /** Adds the trailer at `contentBytes` and publishes the temp file. */
  publish(contentBytes: number, options: PutOptions | undefined): Promise<ObjectInfo>;
  discard(): Promise<void>;
}

export class FileMultipartUpload implements MultipartUpload {
  readonly #steps: FileMultipartSteps;
  #completing: Promise<ObjectInfo> | undefined;

  constructor(steps: FileMultipartSteps) {
    this.#steps = steps;
  }

  async part(body: Body, options?: PartOptions): Promise<void> {
    const { key, file, ledger } = this.#steps;
    const { number, start } = ledger.claim(bodyLength(body), options?.place);
    try {
      checkSignal(options?.signal, `part ${number} of ${key}`);
      await writeFlushed(file, body, start);
      ledger.stored(number);
    } catch (error) {
      throw fileStoreError(error, `part ${number} of ${key}`);
    }
  }

  async complete(options?: PutOptions): Promise<ObjectInfo> {
    const { key, ledger } = this.#steps;
    checkConditions(key, options);
    checkSignal(options?.signal, `complete ${key}`);
    ledger.checkComplete();
    if (this.#completing !== undefined) return await this.#completing;
    try {
      this.#completing = this.#publish(options);
      return await this.#completing;
    } catch (error) {
      this.#completing = undefined;
      throw fileStoreError(error, `complete ${key}`);
    }
  }

  async abort(): Promise<void> {
    if (!this.#steps.ledger.close()) return;
    await this.#steps.file.close();
    await this.#steps.discard();
  }

  async #publish(options: PutOptions | undefined): Promise<ObjectInfo> {
    const { file, ledger } = this.#steps;
    const info = await this.#steps.publish(ledger.sizeBytes, options);
    ledger.complete();
    await file.close();
    return info;
  }
}
