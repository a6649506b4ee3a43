// One damage that an inspection found. Inspecting collects them, where reading rejects with the first.

import { type EngineError, hasCode } from '../../base/errors.ts';
import type { ObjectRange } from '../block/object-damage.ts';

export interface TableFinding {
  /** "table footer", "table facts", "index", "bloom filter", "block 7", "table". */
  readonly part: string;
  /** Place in the object. */
  readonly start: number;
  readonly length: number;
  readonly problem: string;
  readonly expected: string | number | undefined;
  readonly actual: string | number | undefined;
}

/** Runs a check; what it refuses becomes a finding, and undefined the answer. */
export function noting<T>(findings: TableFinding[], part: string, check: () => T): T | undefined {
  try {
    return check();
  } catch (error) {
    if (!hasCode(error, 'corrupt-object')) throw error;
    findings.push(findingOf(part, error));
    return undefined;
  }
}

function findingOf(part: string, { message, context }: EngineError): TableFinding {
  return {
    part,
    start: Number(context['start']),
    length: Number(context['length']),
    problem: message,
    expected: context['expected'] as string | number | undefined,
    actual: context['actual'] as string | number | undefined,
  };
}

export function finding(part: string, { start, length }: ObjectRange, problem: string): TableFinding {
  return { part, start, length, problem, expected: undefined, actual: undefined };
}
