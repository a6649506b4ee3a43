// What happened to the tables between two manifests of a store.

import { nameText } from '../core/table-name.ts';
import type { TableInfo } from '../sst/table-info.ts';
import type { Manifest } from './manifest.ts';

export interface PlacedTable {
  readonly table: TableInfo;
  readonly level: number;
}

export interface MovedTable {
  readonly table: TableInfo;
  readonly fromLevel: number;
  readonly toLevel: number;
}

/** Each list in the order of its manifest: by level, then as in the level. */
export interface ManifestDiff {
  readonly added: readonly PlacedTable[];
  readonly removed: readonly PlacedTable[];
  /** The same object in another level. */
  readonly moved: readonly MovedTable[];
}

export function diffManifests(before: Manifest, after: Manifest): ManifestDiff {
  const earlier = new Map(placedTables(before).map((placed) => [nameText(placed.table.name), placed]));
  const added: PlacedTable[] = [];
  const moved: MovedTable[] = [];
  for (const placed of placedTables(after)) {
    const { table, level } = placed;
    const name = nameText(table.name);
    const was = earlier.get(name);
    earlier.delete(name);
    if (was === undefined) added.push(placed);
    else if (was.level !== level) moved.push({ table, fromLevel: was.level, toLevel: level });
  }
  return { added, removed: [...earlier.values()], moved };
}

function placedTables({ levels }: Manifest): PlacedTable[] {
  return levels.flatMap((tables, level) => tables.map((table) => ({ table, level })));
}
