// A conditional write was refused after an earlier try of ours had ended without an answer. What happened?
// The object itself is asked, never a guess made.

import { EngineError, hasCode } from '../base/errors.ts';
import type { ObjectInfo, ObjectStore, PutOptions } from './object-store.ts';

/** `ours` reads the object and gives its facts when it holds our content. */
export async function settleRefusal(
  store: ObjectStore,
  key: string,
  options: PutOptions,
  refusal: EngineError,
  signal: AbortSignal,
  ours: () => Promise<ObjectInfo | undefined>,
): Promise<ObjectInfo> {
  let found: ObjectInfo | undefined;
  try {
    found = await ours();
  } catch (error) {
    if (!hasCode(error, 'object-not-found')) throw error;
    // A creator refused by an object that is gone: try again. Under if-match, ours may have been deleted after it was there.
    if (options.createOnly === true) throw notSettled(key, refusal);
  }
  if (found !== undefined) return found;
  if (options.ifMatch === undefined) throw refusal;
  const current = await store.head(key, { signal });
  // Still the version that was expected: the refusal was not about the version, so it may be repeated.
  if (current?.etag === options.ifMatch) throw notSettled(key, refusal);
  throw new UnsettledWrite(key, refusal);
}

function notSettled(key: string, refusal: EngineError): EngineError {
  return new EngineError('store-unavailable', `put ${key}: the object changes while its fate is looked up`, {
    cause: refusal,
  });
}

/** Not tried again: another version is there for good, and only its writers can say what lay between. */
export class UnsettledWrite extends Error {
  readonly engineError: EngineError;

  constructor(key: string, refusal: EngineError) {
    super(`put ${key}: unsettled`);
    this.engineError = new EngineError(
      'store-timeout',
      `put ${key}: a try without an answer may have succeeded and been replaced since; another version is there now`,
      { cause: refusal, context: { key } },
    );
  }
}
