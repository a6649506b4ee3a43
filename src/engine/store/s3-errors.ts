// What an S3 server, the network or the SDK throws, as errors of the engine. The SDK's own error is not kept as the cause: it
// carries the request with its headers.

import type { ErrorCode } from '../base/error-table.ts';
import { EngineError } from '../base/errors.ts';

interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
}

/** By the name of the error in the answer's body, where it says more than the status. */
const byName: Readonly<Record<string, ErrorCode>> = {
  NoSuchBucket: 'store-url',
  InvalidBucketName: 'store-url',
  PermanentRedirect: 'store-url',
  AuthorizationHeaderMalformed: 'store-url',
  IllegalLocationConstraintException: 'store-url',
  ExpiredToken: 'store-denied',
  InvalidToken: 'store-denied',
  CredentialsProviderError: 'store-denied',
  ProviderError: 'store-denied',
  TokenProviderError: 'store-denied',
  BadDigest: 'store-unavailable',
  InvalidDigest: 'store-unavailable',
  IncompleteBody: 'store-unavailable',
  XAmzContentSHA256Mismatch: 'store-unavailable',
  InternalError: 'store-unavailable',
  ServiceUnavailable: 'store-unavailable',
  SlowDown: 'store-unavailable',
  // 409 of servers on top of a file system, where `a` and `a/b` exclude each other. No other try helps.
  ExistingObjectIsDirectory: 'usage',
  ObjectParentIsFile: 'usage',
  RequestTimeout: 'store-timeout',
  TimeoutError: 'store-timeout',
};

/** Failures before the request was sent; after that nobody knows. */
const neverSent = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'EMFILE'];

/** Whether a single key of a batch delete that failed with this code may be deleted by another try. */
export function mayDeleteLater(s3Code: string): boolean {
  return ['InternalError', 'ServiceUnavailable', 'SlowDown', 'RequestTimeout'].includes(s3Code);
}

export function s3StoreError(error: unknown, what: string, signal?: AbortSignal): EngineError {
  if (error instanceof EngineError) return error;
  if (signal?.aborted) {
    if (signal.reason instanceof EngineError) return signal.reason;
    return new EngineError('cancelled', `${what} was cancelled`);
  }
  const { name = '', message = '', code: networkCode = '', $metadata } = (error ?? {}) as SdkError;
  const status = $metadata?.httpStatusCode;
  const requestId = $metadata?.requestId;
  const context = { s3Code: name === '' ? undefined : name, status, requestId, networkCode: networkCode || undefined };
  const because = [name === 'Error' ? '' : name, message === name || message === 'UnknownError' ? '' : message];
  const text = `${what}: ${because.filter((part) => part !== '').join(': ') || `status ${status ?? 'unknown'}`}`;
  const code = codeOf(name, message, networkCode, status);
  const hint = hintFor(name, message, networkCode);
  return new EngineError(code, text, hint === undefined ? { context } : { context, hint });
}

function codeOf(name: string, message: string, networkCode: string, status: number | undefined): ErrorCode {
  if (Object.hasOwn(byName, name)) return byName[name] as ErrorCode;
  if (status !== undefined && status >= 300) return byStatus(status);
  if (/region is missing/i.test(message)) return 'store-url';
  if (isCertificateProblem(networkCode)) return 'store-denied';
  if (neverSent.includes(networkCode)) return 'store-unavailable';
  if (networkCode !== '' || name === 'AbortError') return 'store-timeout';
  // An answer that is no S3 answer: a proxy's page, a cut connection.
  return 'store-unavailable';
}

function byStatus(status: number): ErrorCode {
  switch (status) {
    case 301:
    case 307:
    case 308:
      return 'store-url';
    case 401:
    case 403:
    case 407:
      return 'store-denied';
    case 404:
      return 'object-not-found';
    case 408:
      return 'store-timeout';
    case 409:
      return 'store-conflict';
    case 412:
      return 'precondition-failed';
    case 429:
      return 'store-unavailable';
    case 501:
      return 'unsupported-platform';
    case 504:
      return 'store-timeout';
    case 507:
      return 'disk-full';
    default:
      return status >= 500 ? 'store-unavailable' : 'usage';
  }
}

function isCertificateProblem(code: string): boolean {
  return /CERT|^UNABLE_TO_|^ERR_TLS/.test(code);
}

function hintFor(name: string, message: string, networkCode: string): string | undefined {
  if (isCertificateProblem(networkCode))
    return 'name the server’s certificate authority with caFile=… in the store URL';
  if (/region is missing/i.test(message)) return 'add region=… to the store URL, or set AWS_REGION';
  if (name === 'NoSuchBucket') return 'create the bucket, or correct its name in the store URL';
  if (name === 'RequestTimeTooSkewed') return 'set the clock of this machine';
  if (name === 'PermanentRedirect' || name === 'AuthorizationHeaderMalformed')
    return 'give the bucket’s region with region=…';
  return undefined;
}
