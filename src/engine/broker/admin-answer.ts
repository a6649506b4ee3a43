// An answer of the admin server, before it becomes HTTP; and what the engine's errors are there.

import type { ErrorKind } from '../base/error-table.ts';
import type { EngineError } from '../base/errors.ts';

export interface AdminAnswer {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
}

/** What a route gets of a request. */
export interface AdminRequest {
  readonly method: 'GET' | 'POST';
  /** Without the query; still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Aborted when the client goes away before it is answered. */
  readonly signal: AbortSignal;
}

export const jsonAnswer = (status: number, body: unknown): AdminAnswer => ({
  status,
  body: `${JSON.stringify(body)}\n`,
});

export const refusal = (status: number, error: string): AdminAnswer => jsonAnswer(status, { error });

export const notAllowed = (method: AdminRequest['method']): AdminAnswer =>
  refusal(405, `only ${method} is served here`);

const statusByKind: Readonly<Record<ErrorKind, number>> = {
  usage: 400,
  denied: 400,
  'not-found': 404,
  conflict: 409,
  fenced: 409,
  unconfirmed: 409,
  unavailable: 503,
  limit: 503,
  cancelled: 503,
  unsupported: 501,
  corruption: 500,
  bug: 500,
};

export function failure(error: EngineError): AdminAnswer {
  const { message, code, kind, retryable, context, hint } = error;
  return jsonAnswer(statusByKind[kind], { error: message, code, kind, retryable, context, hint: hint ?? null });
}
