// Errors of the file system as errors of the engine.

import type { ErrorCode } from '../base/error-table.ts';
import { EngineError } from '../base/errors.ts';
import { fileErrorCode } from './file-system.ts';

const codes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
  EACCES: 'store-denied',
  EPERM: 'store-denied',
  EROFS: 'store-denied',
};

/** `what` names the call and the key: "put a/b". */
export function fileStoreError(error: unknown, what: string): EngineError {
  if (error instanceof EngineError) return error;
  const fileCode = fileErrorCode(error);
  const message = `${what}: ${error instanceof Error ? error.message : String(error)}`;
  if (fileCode === '') return new EngineError('bug', message, { cause: error });
  return new EngineError(codes[fileCode] ?? 'store-unavailable', message, { cause: error, context: { fileCode } });
}
