// Merges tables down, one compaction at a time, in the background, and steps aside every few milliseconds.
//
// - the result of a compaction is one edit of the manifest; nothing is deleted from the bucket
// - an input that cannot be read for now: the compaction is begun again later
// - an input that is damaged: it is not merged any more, nor is anything else that has to go along with it, until somebody asks for a
//   full compaction. This is logged once. Reads go on, and report the damage where they meet it; writes go on until level 0 is full,
//   and are then refused with the damage, because tables without end would be worse, and silence worst

import { type EngineError, toEngineError } from '../../base/errors.ts';
import { tableKey } from '../core/table-name.ts';
import type { TableInfo } from '../sst/table-info.ts';
import { type BackgroundTries, passesByItself } from './background-tries.ts';
import { type CompactionPick, overlapBytesMax, pickCompaction } from './compaction-policy.ts';
import { DropPolicy } from './drop-policy.ts';
import { fullCompactionSteps } from './full-compaction.ts';
import { LevelCursor } from './level-cursor.ts';
import type { LsmOptions } from './lsm-store.ts';
import type { ManifestEdits } from './manifest-edits.ts';
import { MergingCursor } from './merging-cursor.ts';
import type { OpenTables } from './open-tables.ts';
import { OutputSplitPolicy } from './output-split-policy.ts';
import type { Snapshots } from './snapshots.ts';
import type { StoreLife } from './store-life.ts';
import { mergeIntoTables } from './table-merge.ts';
import type { TableSets } from './table-set.ts';
import type { TableUploads } from './table-uploads.ts';
import { TableWriter } from './table-writer.ts';
import { WorkSlices } from './work-slices.ts';

export interface CompactionLoopOptions extends Pick<LsmOptions, 'rules' | 'clock' | 'pause' | 'logger' | 'prefix'> {
  readonly sets: TableSets;
  readonly tables: OpenTables;
  readonly snapshots: Snapshots;
  readonly edits: ManifestEdits;
  readonly uploads: TableUploads;
  readonly life: StoreLife;
  readonly tries: BackgroundTries;
  /** What `stuck` says has changed. */
  readonly onStuck: () => void;
}

export class CompactionLoop {
  readonly #options: CompactionLoopOptions;
  readonly #pointers: (string | undefined)[] = [];
  readonly #blocked = new Set<TableInfo>();
  #damage: EngineError | undefined;
  #stuck: EngineError | undefined;
  #running: Promise<void> | undefined;
  /** One compaction at a time, asked for or not. */
  #turn: Promise<void> = Promise.resolve();
  #compactions = 0;
  #trivialMoves = 0;

  constructor(options: CompactionLoopOptions) {
    this.#options = options;
  }

  get counters(): { readonly compactions: number; readonly trivialMoves: number } {
    return { compactions: this.#compactions, trivialMoves: this.#trivialMoves };
  }

  /** The damage because of which tables that should be merged are not; undefined while there is none. */
  get stuck(): EngineError | undefined {
    return this.#stuck;
  }

  /** Merges what is due; to be called when the levels have changed. */
  run(): void {
    if (this.#running !== undefined) return;
    const isDue = this.#pick() !== undefined;
    this.#setStuck(isDue || this.#blocked.size === 0 ? undefined : this.#damage);
    if (!isDue) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      // What is blocked now may be all there was to do.
      if (this.#options.life.over === undefined) this.run();
    });
  }

  /** Everything goes into the deepest level that is in use, or as deep as it needs. Rejects with what keeps a step from it. */
  async compactAll(): Promise<void> {
    this.#blocked.clear();
    this.#setStuck(undefined);
    for (const step of fullCompactionSteps(this.#options.rules, () => this.#options.edits.levels)) {
      await this.#inTurn(async () => {
        const pick = step();
        if (pick === undefined) return;
        try {
          await this.#compact(pick);
        } catch (error) {
          this.#judge(pick, toEngineError(error));
          throw error;
        }
      });
    }
  }

  /** Resolves when nothing is under way any more; after the store is over. */
  async stopped(): Promise<void> {
    await this.#running;
    await this.#turn;
  }

  #pick(): CompactionPick | undefined {
    const { edits, rules, life } = this.#options;
    if (life.over !== undefined) return undefined;
    return pickCompaction({ levels: edits.levels, rules, pointers: this.#pointers, blocked: this.#blocked });
  }

  async #run(): Promise<void> {
    const { life, tries } = this.#options;
    for (let failures = 0; life.over === undefined; ) {
      const failed = await this.#inTurn(() => this.#compactNext());
      if (failed === 'idle' || life.over !== undefined) break;
      failures = failed === undefined ? 0 : failures + 1;
      if (failed !== undefined) await tries.again('merging tables', failed, failures).catch(() => undefined);
    }
  }

  /** The error when it has to be tried again later. */
  async #compactNext(): Promise<EngineError | 'idle' | undefined> {
    const pick = this.#pick();
    if (pick === undefined) return 'idle';
    try {
      await this.#compact(pick);
      return undefined;
    } catch (thrown) {
      return this.#judge(pick, toEngineError(thrown));
    }
  }

  async #compact(pick: CompactionPick): Promise<void> {
    const { edits } = this.#options;
    if (pick.trivialMove) {
      await edits.commit({ removed: pick.upper, added: pick.upper, level: pick.outputLevel });
      this.#trivialMoves += 1;
    } else {
      const added = await this.#merge(pick);
      await edits.commit({ removed: [...pick.upper, ...pick.lower], added, level: pick.outputLevel });
      this.#compactions += 1;
    }
    this.#pointers[pick.level] = pick.upper.at(-1)?.largest;
  }

  async #merge({ level, outputLevel, upper, lower, grandparents }: CompactionPick): Promise<readonly TableInfo[]> {
    const { rules, clock, pause, sets, tables, snapshots, uploads, life } = this.#options;
    const slices = new WorkSlices(clock, pause);
    const set = sets.current;
    set.hold();
    const runs = level === 0 ? [...upper.map((table) => [table]), lower] : [upper, lower];
    const cursors = runs
      .filter((run) => run.length > 0)
      .map(
        (run) =>
          new LevelCursor(
            tables,
            run.map((info) => tables.handle(info)),
            { scan: true },
          ),
      );
    try {
      return await mergeIntoTables({
        cursor: new MergingCursor(cursors),
        drop: new DropPolicy({
          readers: snapshots,
          level0Below: [],
          levelsBelow: set.levels.slice(outputLevel + 1),
        }),
        split: new OutputSplitPolicy(grandparents, overlapBytesMax(rules)),
        writer: new TableWriter(rules, uploads.uploader(), slices),
        slices,
        ending: life.ending,
        discard: (infos) => uploads.discard(infos),
      });
    } finally {
      for (const cursor of cursors) cursor.release();
      set.release();
    }
  }

  /** Uploads and manifests are tried again where they are made, or end the store: what is left are inputs that cannot be read. */
  #judge(pick: CompactionPick, error: EngineError): EngineError | undefined {
    const { life, logger, prefix } = this.#options;
    if (life.over !== undefined || passesByItself(error)) return error;
    const inputs = [...pick.upper, ...pick.lower];
    const named = inputs.filter(({ name }) => tableKey(prefix, name) === error.context['key']);
    for (const table of named.length > 0 ? named : inputs) this.#blocked.add(table);
    this.#damage = error;
    logger.error({ err: error, level: pick.level }, 'tables cannot be merged any more: one of them is damaged');
    return undefined;
  }

  #setStuck(error: EngineError | undefined): void {
    if (error === this.#stuck) return;
    this.#stuck = error;
    this.#options.onStuck();
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.then(nothing, nothing);
    return await result;
  }
}

const nothing = (): void => undefined;
