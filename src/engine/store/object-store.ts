// The port to object storage. Adapters: file, memory, s3; decorators: retry, limit, metrics, faults.
// Every adapter passes one conformance suite (test/engine/store/).
//
// What it promises:
// - a put that resolved is durable and readable by everybody, at once and whole; a reader never sees half an object
// - a put that rejected with `store-timeout` or `store-unavailable` may have happened: the caller reads back
// - keys are compared by their UTF-8 bytes as a whole, as on S3: "a-b" < "a/b" < "a0"
// - a conditional write is atomic against every other writer, in every process
// What it refuses: keys that are empty, longer than 1024 bytes, begin or end with "/", or hold "//", "." or ".." segments,
// or control characters (error `usage`).

export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** By the store's clock. */
  readonly modifiedMs: number;
  /** Opaque version tag; equal tags mean equal content. */
  readonly etag: string;
}

export interface StoredObject {
  readonly info: ObjectInfo;
  /** The whole object, or the range that was asked for. */
  readonly bytes: Buffer;
}

/** Bytes of a body, in order; nobody changes them until the put has settled. */
export type Body = readonly Uint8Array[];

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** For a rare, small call that much else waits for: it does not queue behind the others. Honoured by get. */
  readonly urgent?: boolean;
}

export interface PutOptions extends CallOptions {
  /** Succeeds only when no object has this key; otherwise `precondition-failed`. */
  readonly createOnly?: boolean;
  /** Succeeds only while the object has this etag; otherwise `precondition-failed` (also when it is gone). */
  readonly ifMatch?: string;
}

/** Half-open byte range [start, end). `end` beyond the object is cut to its size; `start` at or beyond it is `usage`. */
export interface ByteRange {
  readonly start: number;
  readonly end?: number;
}

export interface GetOptions extends CallOptions {
  readonly range?: ByteRange;
  /**
   * Memory for the answer, filled from its beginning; `bytes` is a view of it then. One that is too small is `usage`. Nobody
   * writes into it any more once the get has settled, which may therefore take longer than any deadline.
   */
  readonly into?: Buffer;
}

export interface ListOptions extends CallOptions {
  /** Only keys that begin with this; '' for all. */
  readonly prefix: string;
  /** Only keys strictly greater than this one. */
  readonly startAfter?: string;
}

/** Parts of earlier places may still be missing then: an earlier one may have failed on its way, and comes again. */
export interface PartPlace {
  readonly number: number;
  readonly start: number;
}

export interface PartOptions extends CallOptions {
  /** Which part this is, and at which byte of the object it begins; the next one where not given. For sending one again. */
  readonly place?: PartPlace;
}

export interface MultipartUpload {
  /** Parts are numbered from 1 in the order of the calls; all but the last have at least 5 MiB. Calls may overlap. */
  part(body: Body, options?: PartOptions): Promise<void>;
  /** Makes the object visible, whole. Conditions as for put. */
  complete(options?: PutOptions): Promise<ObjectInfo>;
  /** Discards the parts. Safe to call at any time, also twice. */
  abort(): Promise<void>;
}

export interface ObjectStore extends AsyncDisposable {
  /** For people and logs; has no secrets: "file:///data/bucket", "s3://bucket/prefix". */
  readonly label: string;
  /** Whether a PUT costs money and tens of milliseconds: decides the automatic seal interval. */
  readonly remote: boolean;
  put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo>;
  /** Throws `object-not-found`. */
  get(key: string, options?: GetOptions): Promise<StoredObject>;
  /** Undefined when there is no such object. */
  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined>;
  /** In ascending key order. */
  list(options: ListOptions): AsyncIterable<ObjectInfo>;
  /** Deletes; keys that do not exist are fine. Returns the keys that could not be deleted, with the reason. */
  deleteMany(keys: readonly string[], options?: CallOptions): Promise<DeleteFailure[]>;
  multipart(key: string, options?: CallOptions): Promise<MultipartUpload>;
}

export interface DeleteFailure {
  readonly key: string;
  readonly message: string;
  /** Whether trying again may help; no where not given. */
  readonly retryable?: boolean;
}
