// The conditions of a conditional write, and the calls' common checks. One place, so that every adapter answers alike.

import { EngineError } from '../base/errors.ts';
import type { PutOptions } from './object-store.ts';

export function checkConditions(key: string, options: PutOptions | undefined): void {
  if (options?.createOnly === true && options.ifMatch !== undefined) {
    throw new EngineError('usage', `a write to ${key} cannot be both create-only and if-match`, { context: { key } });
  }
}

/** Throws `cancelled` once the caller has given up. */
export function checkSignal(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new EngineError('cancelled', `${what} was cancelled`, { cause: signal.reason });
}

export function preconditionFailed(key: string, options: PutOptions | undefined): EngineError {
  const why =
    options?.createOnly === true
      ? 'the object exists already'
      : `the object is not the expected version ${options?.ifMatch}`;
  return new EngineError('precondition-failed', `conditional write to ${key} refused: ${why}`, { context: { key } });
}

export function objectNotFound(key: string): EngineError {
  return new EngineError('object-not-found', `no object ${key} in the store`, { context: { key } });
}
