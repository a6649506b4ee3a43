// The rows of control and of groups: each must decode.

import type { CheckFinding } from './check-finding.ts';
import type { CheckedDomain, CheckStep } from './metadata-check.ts';
import { pagedRows } from './paged-rows.ts';
import { describeRow, undecodedKind } from './row-view.ts';

const rowsAtATime = 1000;

export async function* checkRows({ name, reads }: CheckedDomain, after: string | undefined): AsyncGenerator<CheckStep> {
  let findings: CheckFinding[] = [];
  let rows = 0;
  let last = after;
  const step = (): CheckStep => {
    const done = { findings, counted: { rows } };
    findings = [];
    rows = 0;
    return { ...done, position: { phase: 'rows', domain: name, ...(last === undefined ? {} : { after: last }) } };
  };
  for await (const { key, value } of pagedRows(reads, after === undefined ? {} : { after })) {
    const row = describeRow(name, key, value);
    if (row.kind === undecodedKind) {
      findings.push({
        severity: 'damage',
        name: 'row_undecodable',
        domain: name,
        key,
        detail: String(row['reason']),
      });
    }
    rows++;
    last = key;
    if (rows >= rowsAtATime) yield step();
  }
  yield step();
}
