// The error table as `explain` shows it.

import { type ErrorCode, type ErrorEntry, type ErrorKind, errorTable } from '../engine/base/error-table.ts';
import { EngineError } from '../engine/base/errors.ts';
import { exitStatusOf } from './exit-statuses.ts';
import { suggestions } from './suggestions.ts';

export interface Explanation {
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly exitStatus: number;
  readonly kafkaCode: number;
  readonly retryable: boolean;
  readonly meaning: string;
  readonly try?: string;
}

const codes = Object.keys(errorTable) as ErrorCode[];

function explanation(code: ErrorCode): Explanation {
  const { kind, kafkaCode, retryable, meaning, hint }: ErrorEntry = errorTable[code];
  return { code, kind, exitStatus: exitStatusOf(kind), kafkaCode, retryable, meaning, ...(hint ? { try: hint } : {}) };
}

export const explainTable = (): Explanation[] => codes.map(explanation);

/** Throws `unknown-error-code`, with the codes that look like it. */
export function explainCode(wanted: string): Explanation {
  const code = codes.find((known) => known === wanted.toLowerCase());
  if (code !== undefined) return explanation(code);
  const near = suggestions(wanted.toLowerCase(), codes);
  throw new EngineError('unknown-error-code', `no error code is named "${wanted}"`, {
    ...(near.length > 0 ? { hint: near.map((name) => `cloudtopics explain ${name}`).join(', or ') } : {}),
  });
}
