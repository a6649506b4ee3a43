// Errors of codecs carry the path of the field they happened in: `topics[2].partitions[0].fetchOffset`.
// The path is put together while the error travels outwards, so that it costs nothing when all is well.

import { EngineError } from '../base/errors.ts';

class FieldTrouble extends Error {
  path = '';
}

/** `error`, one step further out: `step` is a field's name or `[index]`. */
export function within(step: string, error: unknown): FieldTrouble {
  const trouble = error instanceof FieldTrouble ? error : new FieldTrouble('field', { cause: error });
  if (trouble.path === '' || trouble.path.startsWith('[')) trouble.path = step + trouble.path;
  else trouble.path = `${step}.${trouble.path}`;
  return trouble;
}

/** What left the outermost codec of a message, as the error its caller sees. */
export function messageError(what: string, apiKey: number, apiVersion: number, error: unknown): EngineError {
  const path = error instanceof FieldTrouble ? error.path : undefined;
  const cause = error instanceof FieldTrouble ? error.cause : error;
  const problem = cause instanceof Error ? cause.message : String(cause);
  // A decoder complains of bytes with an EngineError; everything else is a value of ours that cannot be encoded, or a bug.
  const code = cause instanceof EngineError ? cause.code : 'bug';
  return new EngineError(code, `${what}${path === undefined ? '' : `, field ${path}`}: ${problem}`, {
    context: { apiKey, apiVersion, field: path },
    cause,
  });
}
