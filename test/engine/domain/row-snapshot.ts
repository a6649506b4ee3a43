// The snapshots of all rows that logs of domains had before there were tables (CTDS); today they are only read.

import { beginChecked, finishChecked } from '../../../src/engine/domain/checked-format.ts';
import type { DomainRow } from '../../../src/engine/domain/domain.ts';

export function encodeRowSnapshot(rows: readonly DomainRow[]): Buffer {
  const writer = beginChecked('CTDS', 1).u32(rows.length);
  for (const { key, value } of rows) {
    writer.u32(Buffer.byteLength(key)).text(key).u32(value.length).copy(value);
  }
  return finishChecked(writer);
}
