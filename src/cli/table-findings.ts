// A damage in a table, in a line.

import type { ShownTableFinding } from '../engine/audit/audit.ts';

export function findingText({ part, start, length, problem }: ShownTableFinding): string {
  const place = start === null || length === null ? '' : ` (bytes ${start} to ${start + length - 1})`;
  return `${part}${place}: ${problem}`;
}
