// Conditions of a write in the words of S3, and its refusals in the port's.

import type { EngineError } from '../base/errors.ts';
import type { PutOptions } from './object-store.ts';
import { preconditionFailed } from './write-conditions.ts';

export function conditions(options: PutOptions | undefined): { IfNoneMatch?: string; IfMatch?: string } {
  if (options?.createOnly === true) return { IfNoneMatch: '*' };
  return options?.ifMatch === undefined ? {} : { IfMatch: `"${options.ifMatch}"` };
}

/** An if-match on an object that is gone is answered with 404; to the port it is a refused condition. */
export function refusedWrite(error: EngineError, key: string, options: PutOptions | undefined): EngineError {
  if (error.code === 'precondition-failed') return preconditionFailed(key, options);
  const gone = error.code === 'object-not-found' && error.context['s3Code'] !== 'NoSuchUpload';
  return gone && options?.ifMatch !== undefined ? preconditionFailed(key, options) : error;
}
