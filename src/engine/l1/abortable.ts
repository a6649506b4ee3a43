// Waiting that its caller can give up. What was waited for goes on: others may want it too.

import { EngineError } from '../base/errors.ts';

/** What the promise gives, or `cancelled` when the signal comes first. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const gone = () => reject(cancelled(signal));
    const over = () => signal.removeEventListener('abort', gone);
    promise.then(resolve, reject).finally(over);
    if (signal.aborted) gone();
    else signal.addEventListener('abort', gone, { once: true });
  });
}

/** Throws `cancelled` when the signal has come. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled(signal);
}

const cancelled = (signal: AbortSignal): EngineError =>
  new EngineError('cancelled', 'the reader went away', { cause: signal.reason });
