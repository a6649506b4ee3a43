// The sizes and triggers of a store. Every limit is in bytes unless it says otherwise.

export interface LsmRules {
  /** A memtable that has grown beyond this is closed and written out; a second one fills meanwhile, then writes wait. */
  readonly memtableBytesMax: number;
  /** Uncompressed. */
  readonly blockBytes: number;
  readonly restartInterval: number;
  readonly bloomBitsPerKey: number;
  readonly compression: 'none' | 'zstd';
  /** A table is closed when it has grown to this. */
  readonly tableBytes: number;
  /** Tables in level 0 from which on they are merged down; from which on writes are slowed; from which on they wait. */
  readonly level0Trigger: number;
  readonly level0Slowdown: number;
  readonly level0Stop: number;
  /** Target of level 1; each level below is `levelRatio` times as large. */
  readonly level1Bytes: number;
  readonly levelRatio: number;
  readonly levels: number;
  /** An output table is closed early when it overlaps more than this many times `tableBytes` of the level after the next. */
  readonly grandparentOverlapTables: number;
}

export const defaultLsmRules: LsmRules = {
  memtableBytesMax: 16 * 1024 * 1024,
  blockBytes: 8 * 1024,
  restartInterval: 16,
  bloomBitsPerKey: 10,
  compression: 'none',
  tableBytes: 16 * 1024 * 1024,
  level0Trigger: 4,
  level0Slowdown: 8,
  level0Stop: 12,
  level1Bytes: 64 * 1024 * 1024,
  levelRatio: 10,
  levels: 7,
  grandparentOverlapTables: 10,
};
