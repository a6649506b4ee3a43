// Builds one table in memory. Entries come in the order of cursors: key ascending, sequence descending.

import { EngineError } from '../../base/errors.ts';
import type { LsmRules } from '../core/lsm-rules.ts';
import type { Key } from '../core/row.ts';
import type { TableInfo } from './table-info.ts';

/** What the table itself knows: everything but its name. */
export type TableFacts = Omit<TableInfo, 'name'>;

export class TableBuilder {
  readonly rules: LsmRules;

  constructor(rules: LsmRules) {
    this.rules = rules;
  }

  get entries(): number {
    return 0;
  }

  /** What the object would have by now, about. */
  get sizeBytes(): number {
    return 0;
  }

  /** A value of undefined is a tombstone. The bytes are copied. Throws `bug` for an entry out of order. */
  add(_key: Key, _sequence: number, _value: Uint8Array | undefined): void {
    throw new EngineError('bug', 'tables are not built yet');
  }

  /** The parts of the object, in order. Throws `bug` without entries. The builder must not be used afterwards. */
  finish(): { readonly parts: Buffer[]; readonly facts: TableFacts } {
    throw new EngineError('bug', 'tables are not built yet');
  }
}
