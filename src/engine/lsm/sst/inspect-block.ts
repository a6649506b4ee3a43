// The inspection of one block: its entries, also where its checksum refuses it but it can still be decoded.

import type { Block } from '../block/block.ts';
import { BlockCursor } from '../block/block-cursor.ts';
import { checkSum, type ObjectRange } from '../block/object-damage.ts';
import { openBlock } from '../block/open-block.ts';
import { type compressions, unsealUnchecked } from '../block/sealed-block-format.ts';
import type { Version } from '../core/row.ts';
import type { BlockIndex, Boundary } from './block-index.ts';
import { checkPlace } from './table-blocks.ts';
import { noting, type TableFinding } from './table-finding.ts';

export interface InspectedBlock {
  /** Its number in the table. */
  readonly at: number;
  readonly range: ObjectRange;
  /** What the index says is at or behind its last entry. */
  readonly boundary: Boundary;
  /** Undefined where it could not be decoded. */
  readonly compression: keyof typeof compressions | undefined;
  readonly payloadBytes: number | undefined;
  /** In order; none where the block could not be decoded. */
  readonly versions: readonly Version[];
  /** False: something is wrong with it, and its entries may not be what was written. */
  readonly trusted: boolean;
  readonly findings: readonly TableFinding[];
}

export function inspectBlock(sealed: Buffer, index: BlockIndex, at: number, key: string): InspectedBlock {
  const range = { key, start: index.start(at), length: index.length(at) };
  const part = `block ${at}`;
  const findings: TableFinding[] = [];
  noting(findings, part, () => checkSum(sealed, 'block', range));
  const unsealed = noting(findings, part, () => unsealUnchecked(sealed, range));
  const block = unsealed && noting(findings, part, () => openBlock(unsealed.payload, range));
  if (block !== undefined) noting(findings, part, () => checkPlace(block, index, at, range));
  return {
    at,
    range,
    boundary: index.boundary(at),
    compression: unsealed?.compression,
    payloadBytes: unsealed?.payload.length,
    versions: block === undefined ? [] : versionsOf(block),
    trusted: findings.length === 0,
    findings,
  };
}

function versionsOf(block: Block): Version[] {
  const versions: Version[] = [];
  const cursor = new BlockCursor();
  cursor.reset(block);
  for (cursor.first(); cursor.valid; cursor.next()) {
    const { key, sequence, deleted } = cursor;
    versions.push({ key, sequence, value: deleted ? undefined : cursor.value() });
  }
  return versions;
}
