// Which tables and manifests of a store nobody needs any more. A pure decision; obsolete-objects.ts gathers what it needs.
// Reasons, and what may go wrong without each rule: docs/formats/manifest.md, "What may be collected when".
//
// Two manifests carry the decision. The *recorded* one is in the log: every later state follows from it, however many manifests
// were uploaded and never recorded. The *settled* one is the newest that has been in the bucket for the delay: whoever reads an
// older one had that long to finish.
//
// - a table is kept while the settled manifest, a newer one, or the recorded one holds it
// - else it is kept while it may be on its way into one: it was written by a later writer than the settled manifest's or the
//   recorded one's, or by the same and is not settled there
// - a manifest is kept while it is the settled one, a newer one, the recorded one, or newer than that: it may have been recorded
//   since the recorded one was asked for
// - without a settled manifest everything is kept

import { compareNames, type ManifestName, nameText, type TableName } from '../core/table-name.ts';
import type { Manifest } from './manifest.ts';

/** Why something is kept, or `obsolete`. */
export type TableVerdict = 'obsolete' | 'in-manifest' | 'recorded' | 'may-be-on-its-way' | 'nothing-settled';
export type ManifestVerdict =
  | 'obsolete'
  | 'readers-may-hold-it'
  | 'recorded'
  | 'may-be-recorded-since'
  | 'nothing-settled';

export interface ManifestAge {
  readonly name: ManifestName;
  /** By the store's clock. */
  readonly modifiedMs: number;
}

/** The newest manifest that has been in the bucket for at least `delayMs`; undefined where none has. */
export function settledManifest<Aged extends ManifestAge>(
  manifests: readonly Aged[],
  nowMs: number,
  delayMs: number,
): Aged | undefined {
  let settled: Aged | undefined;
  for (const manifest of manifests) {
    if (manifest.modifiedMs > nowMs - delayMs) continue;
    if (settled === undefined || compareNames(manifest.name, settled.name) > 0) settled = manifest;
  }
  return settled;
}

/** What the two manifests, and all that are newer than the settled one, say about names. */
export class ObsoletePolicy {
  readonly #settled: Manifest | undefined;
  readonly #recorded: Manifest;
  readonly #recordedTables: ReadonlySet<string>;
  readonly #namedTables = new Set<string>();

  /** `recorded` may be an older one than the log holds by now: what is obsolete after it is so after all that follow. */
  constructor(settled: Manifest | undefined, recorded: Manifest) {
    this.#settled = settled;
    this.#recorded = recorded;
    this.#recordedTables = new Set(tableNames(recorded));
    if (settled !== undefined) this.alsoHeldBy(settled);
  }

  /** To be called for every manifest that is newer than the settled one, before anything is judged. */
  alsoHeldBy(newer: Manifest): void {
    for (const name of tableNames(newer)) this.#namedTables.add(name);
  }

  judgeTable(name: TableName): TableVerdict {
    if (this.#settled === undefined) return 'nothing-settled';
    const text = nameText(name);
    if (this.#recordedTables.has(text)) return 'recorded';
    if (this.#namedTables.has(text)) return 'in-manifest';
    return mayCome(name, this.#settled) || mayCome(name, this.#recorded) ? 'may-be-on-its-way' : 'obsolete';
  }

  judgeManifest(name: ManifestName): ManifestVerdict {
    if (this.#settled === undefined) return 'nothing-settled';
    if (compareNames(name, this.#recorded.name) === 0) return 'recorded';
    if (compareNames(name, this.#settled.name) >= 0) return 'readers-may-hold-it';
    return compareNames(name, this.#recorded.name) > 0 ? 'may-be-recorded-since' : 'obsolete';
  }
}

const tableNames = ({ levels }: Manifest): string[] =>
  levels.flatMap((tables) => tables.map((table) => nameText(table.name)));

/** Whether a manifest that follows `manifest` may hold a table that it does not hold itself. */
function mayCome(table: TableName, manifest: Manifest): boolean {
  return compareNames(table, { ...manifest.name, number: manifest.settledTableNumber }) >= 0;
}
