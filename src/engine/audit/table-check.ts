// Whether tables in the bucket are whole: each is read to its end and compared with what its manifest says of it. Damage is collected,
// with its place and the checksums; a table that is missing, or of a version that is not known, is a finding too.

import { type EngineError, hasCode } from '../base/errors.ts';
import {
  inspectTable,
  nameText,
  type TableFinding,
  type TableInfo,
  type TableName,
  type TableSource,
} from '../lsm/lsm.ts';

export interface TableCheck {
  readonly table: string;
  readonly key: string;
  readonly sizeBytes: number;
  /** What could be read and trusted. */
  readonly blocks: number;
  readonly entries: number;
  readonly findings: readonly ShownTableFinding[];
}

export interface ShownTableFinding {
  /** "table footer", "index", "block 7"; "table" for the whole. */
  readonly part: string;
  readonly start: number | null;
  readonly length: number | null;
  readonly problem: string;
  readonly expected: string | number | null;
  readonly actual: string | number | null;
}

/** `facts`: what a manifest says of it; undefined for a table that no manifest holds. */
export async function checkTable(
  source: TableSource,
  name: TableName,
  facts: Omit<TableInfo, 'name'> | undefined,
): Promise<TableCheck> {
  const { key, sizeBytes } = source;
  const checked = { table: nameText(name), key, sizeBytes };
  try {
    const { counted, findings } = await inspectTable(source, facts);
    return { ...checked, blocks: counted.blocks, entries: counted.entries, findings: findings.map(shownFinding) };
  } catch (error) {
    if (!hasCode(error, 'object-not-found', 'corrupt-object', 'unsupported-format')) throw error;
    return { ...checked, blocks: 0, entries: 0, findings: [wholeTable(error)] };
  }
}

export function shownFinding({ part, start, length, problem, expected, actual }: TableFinding): ShownTableFinding {
  return {
    part,
    start: known(start),
    length: known(length),
    problem,
    expected: expected ?? null,
    actual: actual ?? null,
  };
}

/** Damage that has no place has none in its context. */
const known = (value: number): number | null => (Number.isFinite(value) ? value : null);

const wholeTable = ({ message }: EngineError): ShownTableFinding => ({
  part: 'table',
  start: null,
  length: null,
  problem: message,
  expected: null,
  actual: null,
});
