// A small S3 server for tests: real HTTP on 127.0.0.1, signatures checked, conditions with 412 and 409, checksums, paging,
// multipart, and faults on demand. Objects are in memory. The interface is `startS3Server`; `serve.ts` is the same as a program.

import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { BucketStorage } from './bucket-storage.ts';
import { deleteObject, deleteObjects, getObject, listObjects, putObject } from './object-operations.ts';
import { S3Refusal } from './refusal.ts';
import { addressOf, type S3Address, type S3Answer, type S3Operation, type S3Request } from './s3-request.ts';
import { type Credentials, checkSignature } from './signature.ts';
import { abortUpload, completeUpload, createUpload, listParts, listUploads, putPart } from './upload-operations.ts';
import { xmlDocument } from './xml.ts';

export interface S3ServerOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  readonly credentials?: Credentials;
  /** Buckets there from the start; "test" by default. */
  readonly buckets?: readonly string[];
  /** PEM; makes it HTTPS. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Refuses UNSIGNED-PAYLOAD, as some servers do. */
  readonly signedPayloadOnly?: boolean;
  /** Waited before every answer. */
  readonly latencyMs?: number;
  /** Keys that a batch delete cannot delete. */
  readonly undeletable?: readonly string[];
}

export interface S3Fault {
  /** Any operation where not given. */
  readonly operation?: S3Operation;
  readonly kind: /** 503 SlowDown, nothing happens. */
    | 'slow-down'
    /** 500 InternalError, nothing happens. */
    | 'internal-error'
    /** 409 ConditionalRequestConflict, nothing happens. */
    | 'conflict'
    /** 403 AccessDenied. */
    | 'denied'
    /** It happens, and the connection is cut without an answer. */
    | 'reset-after'
    /** It happens, and no answer ever comes. */
    | 'silent-after'
    /** Nothing happens, and no answer ever comes. */
    | 'silent-before'
    /** The answer's body breaks off in the middle. */
    | 'torn-answer'
    /** One bit of the answer's body is wrong. */
    | 'flipped-bit'
    /** It happens, after `latencyMs` more. */
    | 'slow';
  readonly latencyMs?: number;
  /** How many calls it hits; 1 by default. */
  readonly times?: number;
}

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  readonly port: number;
  readonly credentials: Credentials;
  /** A store URL of ours for a bucket here: path style, region us-east-1. */
  storeUrl(bucket?: string, prefix?: string, options?: Readonly<Record<string, string>>): string;
  readonly buckets: ReadonlyMap<string, BucketStorage>;
  /** Calls by operation since the start. */
  readonly calls: ReadonlyMap<S3Operation, number>;
  inject(fault: S3Fault): void;
  setLatency(latencyMs: number): void;
  stop(): Promise<void>;
}

export const testCredentials: Credentials = { accessKeyId: 'test-access-key', secretAccessKey: 'test-secret-key' };
const bodyBytesMax = 256 * 1024 * 1024;

export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const server = new TestS3Server(options);
  await server.listen(options.port ?? 0);
  return server;
}

class TestS3Server implements S3Server {
  readonly credentials: Credentials;
  readonly buckets = new Map<string, BucketStorage>();
  readonly calls = new Map<S3Operation, number>();
  readonly #options: S3ServerOptions;
  readonly #server: Server;
  readonly #undeletable: ReadonlySet<string>;
  #faults: { fault: S3Fault; left: number }[] = [];
  #latencyMs: number;
  #port = 0;

  constructor(options: S3ServerOptions) {
    this.#options = options;
    this.credentials = options.credentials ?? testCredentials;
    this.#latencyMs = options.latencyMs ?? 0;
    this.#undeletable = new Set(options.undeletable);
    for (const bucket of options.buckets ?? ['test']) this.buckets.set(bucket, new BucketStorage());
    const handle = (request: IncomingMessage, response: ServerResponse) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
    };
    this.#server = options.tls === undefined ? createHttpServer(handle) : createHttpsServer(options.tls, handle);
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  get port(): number {
    return this.#port;
  }

  get endpoint(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  storeUrl(bucket = 'test', prefix = '', options: Readonly<Record<string, string>> = {}): string {
    const query = new URLSearchParams({ endpoint: this.endpoint, region: 'us-east-1', pathStyle: 'true', ...options });
    return `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}?${query}`;
  }

  inject(fault: S3Fault): void {
    this.#faults.push({ fault, left: fault.times ?? 1 });
  }

  setLatency(latencyMs: number): void {
    this.#latencyMs = latencyMs;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: S3Answer;
    let fault: S3Fault | undefined;
    try {
      const payloadHash = checkSignature(request, this.credentials);
      if (payloadHash === 'UNSIGNED-PAYLOAD' && this.#options.signedPayloadOnly === true) {
        throw new S3Refusal(403, 'AccessDenied', 'Unsigned payloads are not accepted.');
      }
      if (payloadHash.startsWith('STREAMING-'))
        throw new S3Refusal(501, 'NotImplemented', 'Chunked payloads are not served.');
      const address = addressOf(request, ['localhost', 's3.test']);
      this.calls.set(address.operation, (this.calls.get(address.operation) ?? 0) + 1);
      fault = this.#takeFault(address.operation);
      if (fault?.kind === 'silent-before') return void request.resume();
      refuseByFault(fault);
      const release = this.#claimConditional(address, request);
      try {
        const body = await readBody(request);
        if (this.#latencyMs > 0) await delay(this.#latencyMs);
        if (fault?.latencyMs !== undefined) await delay(fault.latencyMs);
        const header = (name: string) => {
          const value = request.headers[name];
          return Array.isArray(value) ? value[0] : value;
        };
        answer = this.#answer({ ...address, body, payloadHash, header });
      } finally {
        release();
      }
    } catch (error) {
      if (!(error instanceof S3Refusal)) throw error;
      // A client that is still sending would see a broken pipe in place of the answer.
      request.resume();
      answer = refusalAnswer(error, request);
    }
    if (fault?.kind === 'silent-after') return;
    if (fault?.kind === 'reset-after') return void response.destroy();
    send(response, answer, request.method === 'HEAD', fault);
  }

  /** Like S3, which answers 409 when two conditional writes to a key meet. */
  #claimConditional(address: S3Address, request: IncomingMessage): () => void {
    const conditional = request.headers['if-none-match'] !== undefined || request.headers['if-match'] !== undefined;
    const bucket = this.buckets.get(address.bucket);
    if (bucket === undefined || !conditional || !['put', 'multipart-complete'].includes(address.operation))
      return () => {};
    if (bucket.conditional.has(address.key)) throw conflict();
    bucket.conditional.set(address.key, 1);
    return () => void bucket.conditional.delete(address.key);
  }

  #takeFault(operation: S3Operation): S3Fault | undefined {
    const entry = this.#faults.find(({ fault }) => fault.operation === undefined || fault.operation === operation);
    if (entry === undefined) return undefined;
    entry.left--;
    this.#faults = this.#faults.filter(({ left }) => left > 0);
    return entry.fault;
  }

  #answer(request: S3Request): S3Answer {
    if (request.operation === 'create-bucket') {
      if (!this.buckets.has(request.bucket)) this.buckets.set(request.bucket, new BucketStorage());
      return { status: 200, headers: {} };
    }
    const bucket = this.buckets.get(request.bucket);
    if (bucket === undefined) throw new S3Refusal(404, 'NoSuchBucket', 'The specified bucket does not exist');
    if (Buffer.byteLength(request.key) > 1024) throw new S3Refusal(400, 'KeyTooLongError', 'Your key is too long');
    switch (request.operation) {
      case 'put':
        return putObject(bucket, request);
      case 'get':
      case 'head':
        return getObject(bucket, request);
      case 'delete':
        return deleteObject(bucket, request);
      case 'delete-many':
        return deleteObjects(bucket, request, this.#undeletable);
      case 'list':
        return listObjects(bucket, request);
      case 'multipart-create':
        return createUpload(bucket, request);
      case 'multipart-part':
        return putPart(bucket, request);
      case 'multipart-complete':
        return completeUpload(bucket, request);
      case 'multipart-abort':
        return abortUpload(bucket, request);
      case 'multipart-list':
        return request.key === '' ? listUploads(bucket, request) : listParts(bucket, request);
      case 'head-bucket':
        return { status: 200, headers: {} };
    }
  }
}

function conflict(): S3Refusal {
  return new S3Refusal(409, 'ConditionalRequestConflict', 'A conflicting conditional operation is under way.');
}

function refuseByFault(fault: S3Fault | undefined): void {
  if (fault?.kind === 'slow-down') throw new S3Refusal(503, 'SlowDown', 'Please reduce your request rate.');
  if (fault?.kind === 'internal-error') throw new S3Refusal(500, 'InternalError', 'We encountered an internal error.');
  if (fault?.kind === 'conflict') throw conflict();
  if (fault?.kind === 'denied') throw new S3Refusal(403, 'AccessDenied', 'Access Denied');
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bodyBytesMax) throw new S3Refusal(400, 'EntityTooLarge', 'Your proposed upload is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function refusalAnswer(refusal: S3Refusal, request: IncomingMessage): S3Answer {
  const body = xmlDocument('Error', { Code: refusal.code, Message: refusal.message, Resource: request.url ?? '' });
  return { status: refusal.status, headers: { 'content-type': 'application/xml' }, body };
}

function send(response: ServerResponse, answer: S3Answer, headOnly: boolean, fault: S3Fault | undefined): void {
  let body = Buffer.from(answer.body ?? '');
  const headers = { ...answer.headers, 'x-amz-request-id': 'test', 'content-length': String(body.length) };
  response.writeHead(answer.status, answer.status === 204 ? {} : headers);
  if (headOnly) return void response.end();
  if (fault?.kind === 'flipped-bit' && body.length > 0) {
    body = Buffer.from(body);
    body[body.length >> 1] = (body[body.length >> 1] as number) ^ 1;
  }
  if (fault?.kind === 'torn-answer') {
    response.write(body.subarray(0, body.length >> 1), () => response.destroy());
    return;
  }
  response.end(body);
}
