// What a check of the metadata reports: each finding with a name that is stable, how bad it is, and where it is.

import type { Anomaly, AnomalyName } from '../metastore/metastore.ts';
import type { ShownTableFinding, TableCheck } from './table-check.ts';

/**
 * damage: bytes are not what was written, or are missing. error: rows or objects contradict each other. notice: left over by a crash
 * or not in the bucket's picture yet; nothing is wrong.
 */
export type Severity = 'damage' | 'error' | 'notice';

export type FindingName =
  | AnomalyName
  | 'manifest_unreadable'
  | 'table_damaged'
  | 'rows_unreadable'
  | 'object_awaited'
  | 'object_damaged'
  | 'object_footer_mismatch';

export interface CheckFinding {
  readonly severity: Severity;
  readonly name: FindingName;
  readonly domain: string | null;
  /** Of the row, or of the object in the bucket. */
  readonly key: string;
  readonly detail: string;
  /** Place in the object, where the finding has one. */
  readonly start?: number;
  readonly length?: number;
  readonly expected?: string | number;
  readonly actual?: string | number;
  /** Of an object that nothing knows. */
  readonly ageMs?: number;
}

const damaging: ReadonlySet<AnomalyName> = new Set([
  'row_undecodable',
  'object_not_in_storage',
  'object_size_mismatch',
]);

export function anomalyFinding(domain: string, { name, key, detail }: Anomaly): CheckFinding {
  return { severity: damaging.has(name) ? 'damage' : 'error', name, domain, key, detail };
}

export function tableFindings(domain: string, { key, findings }: TableCheck): CheckFinding[] {
  return findings.map((one) => tableFinding(domain, key, one));
}

function tableFinding(domain: string, key: string, finding: ShownTableFinding): CheckFinding {
  const { part, problem, start, length, expected, actual } = finding;
  return {
    severity: 'damage',
    name: 'table_damaged',
    domain,
    key,
    detail: `${part}: ${problem}`,
    ...(start === null ? {} : { start }),
    ...(length === null ? {} : { length }),
    ...(expected === null ? {} : { expected }),
    ...(actual === null ? {} : { actual }),
  };
}
