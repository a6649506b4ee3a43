// The one error class. Its code is stable and documented in error-table.ts; its kind tells the caller what to do.

import { type ErrorCode, type ErrorKind, errorTable } from './error-table.ts';

/** Where something went wrong: object key, byte range, file, offsets, checksums. Never a secret. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | undefined>>;

interface EngineErrorOptions {
  readonly context?: ErrorContext;
  readonly cause?: unknown;
  /** An exact command or action that helps; printed after `try:`. */
  readonly hint?: string;
}

export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: ErrorCode;
  readonly context: ErrorContext;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: EngineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.context = options.context ?? {};
    this.hint = options.hint ?? errorTable[code].hint;
  }

  get kind(): ErrorKind {
    return errorTable[this.code].kind;
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }

  /** The Kafka error code that a client is answered with. */
  get kafkaCode(): number {
    return errorTable[this.code].kafkaCode;
  }
}

/** True for an EngineError of one of the codes; narrows the type. */
export function hasCode(error: unknown, ...codes: ErrorCode[]): error is EngineError {
  return error instanceof EngineError && codes.includes(error.code);
}

/** Any thrown value as an EngineError; what is not one of ours is a bug. */
export function toEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  return new EngineError('bug', error instanceof Error ? error.message : String(error), { cause: error });
}
