// Changes to what the store consists of, strictly one after the other: each becomes a manifest in the bucket, then a record in the log,
// then what is read. A manifest has the effect of all edits before it.
//
// Table numbers are given out here too, because a manifest says which of them are settled (manifest.ts).

import type { Clock } from '../../base/clock.ts';
import { type EngineError, toEngineError } from '../../base/errors.ts';
import type { Incarnation, Term } from '../../base/ids.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import type { TableName } from '../core/table-name.ts';
import type { Manifest, ManifestJournal } from '../manifest/manifest.ts';
import { writeManifest } from '../manifest/manifest-objects.ts';
import type { BackgroundTries } from './background-tries.ts';
import type { Levels } from './compaction-policy.ts';
import { editLevels, type LevelsEdit } from './levels-edit.ts';
import type { StoreLife } from './store-life.ts';

export interface ManifestEditsOptions {
  readonly store: ObjectStore;
  readonly prefix: string;
  readonly incarnation: Incarnation;
  readonly term: Term;
  readonly journal: ManifestJournal;
  readonly clock: Clock;
  readonly life: StoreLife;
  readonly tries: BackgroundTries;
  /** The one that was found at opening. */
  readonly manifest: Manifest | undefined;
  /** Called once a manifest is recorded: it is what is read from here on. */
  readonly recorded: (manifest: Manifest) => void;
  /** Hears of every try that failed for now. */
  readonly failed: (error: EngineError) => void;
}

export class ManifestEdits {
  readonly #options: ManifestEditsOptions;
  readonly #underWay = new Set<number>();
  #nextTableNumber: number;
  #manifest: Manifest | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(options: ManifestEditsOptions) {
    this.#options = options;
    this.#manifest = options.manifest;
    this.#nextTableNumber = options.manifest?.nextTableNumber ?? 1;
  }

  /** The one that is recorded. */
  get manifest(): Manifest | undefined {
    return this.#manifest;
  }

  get levels(): Levels {
    return this.#manifest?.levels ?? [];
  }

  get coveredIndex(): number {
    return this.#manifest?.coveredIndex ?? 0;
  }

  /** A name that nothing was ever written under; it stays unsettled until an edit adds the table, or `discard`. */
  nameTable(): TableName {
    const { incarnation, term } = this.#options;
    const number = this.#nextTableNumber++;
    this.#underWay.add(number);
    return { incarnation, term, number };
  }

  /** No edit will ever add this table, whether it is in the bucket or still gets there. */
  discard(name: TableName): void {
    this.#underWay.delete(name.number);
  }

  /** Resolves when the edit is recorded. Rejects only when the store is over. */
  commit(edit: LevelsEdit): Promise<void> {
    const committed = this.#last.then(() => this.#commit(edit));
    this.#last = committed.catch(() => undefined);
    return committed;
  }

  async #commit(edit: LevelsEdit): Promise<void> {
    const { store, journal, life, tries, recorded, failed } = this.#options;
    life.check();
    for (const { name } of edit.added) this.#underWay.delete(name.number);
    const manifest = this.#manifestAfter(edit);
    // A try whose outcome got lost is made again with the same name and bytes: writeManifest asks the object then.
    const ref = await tries.until(
      'writing a manifest',
      async () => {
        await journal.confirm();
        return await writeManifest(store, manifest, { signal: life.ending });
      },
      failed,
    );
    life.check();
    try {
      await journal.record(ref, manifest.coveredIndex);
    } catch (error) {
      // Whether it is recorded only the log can say, once it is opened again.
      life.giveUp(toEngineError(error));
      throw error;
    }
    life.check();
    this.#manifest = manifest;
    recorded(manifest);
  }

  #manifestAfter(edit: LevelsEdit): Manifest {
    const { prefix, incarnation, term, clock } = this.#options;
    return {
      name: { incarnation, term, number: (this.#manifest?.name.number ?? 0) + 1 },
      prefix,
      createdMs: clock.nowMs(),
      coveredIndex: edit.coveredIndex ?? this.coveredIndex,
      nextTableNumber: this.#nextTableNumber,
      settledTableNumber: Math.min(this.#nextTableNumber, ...this.#underWay),
      levels: editLevels(this.levels, edit),
    };
  }
}
