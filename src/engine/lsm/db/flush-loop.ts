// Writes memtables out: full ones by itself, the one that fills when somebody asks for a flush.
//
// One is written at a time: its rows become tables in level 0, a manifest that covers its entries is recorded, then it is dropped.
// Calls of `flush` that come meanwhile share the next one. What the object store refuses for now stays queued.

import { EngineError, toEngineError } from '../../base/errors.ts';
import type { BackgroundTries } from './background-tries.ts';
import { DropPolicy } from './drop-policy.ts';
import type { LsmOptions } from './lsm-store.ts';
import type { ManifestEdits } from './manifest-edits.ts';
import type { FilledMemtable, Memtables } from './memtables.ts';
import type { Snapshots } from './snapshots.ts';
import type { StoreLife } from './store-life.ts';
import { mergeIntoTables } from './table-merge.ts';
import type { TableUploads } from './table-uploads.ts';
import { TableWriter } from './table-writer.ts';
import { WorkSlices } from './work-slices.ts';

export interface FlushLoopOptions extends Pick<LsmOptions, 'rules' | 'clock' | 'pause'> {
  readonly memtables: Memtables;
  readonly snapshots: Snapshots;
  readonly edits: ManifestEdits;
  readonly uploads: TableUploads;
  readonly life: StoreLife;
  readonly tries: BackgroundTries;
}

interface Waiter {
  readonly index: number;
  readonly outcome: PromiseWithResolvers<void>;
}

export class FlushLoop {
  readonly #options: FlushLoopOptions;
  #waiters: Waiter[] = [];
  /** Everything up to here shall be flushed. */
  #wantedIndex = 0;
  #running: Promise<void> | undefined;
  #flushes = 0;
  #flushedMs: number | undefined;

  constructor(options: FlushLoopOptions) {
    this.#options = options;
    options.life.ending.addEventListener('abort', () => this.refuse(options.life.over as EngineError), { once: true });
  }

  get flushes(): number {
    return this.#flushes;
  }

  /** Wall clock of the last one; undefined before the first. */
  get flushedMs(): number | undefined {
    return this.#flushedMs;
  }

  /** As LsmStore.flush. */
  flush(): Promise<void> {
    const { memtables, edits, life, tries } = this.#options;
    if (life.over !== undefined) return Promise.reject(life.over);
    const index = memtables.appliedIndex;
    if (index <= edits.coveredIndex) return Promise.resolve();
    this.#wantedIndex = index;
    const outcome = Promise.withResolvers<void>();
    this.#waiters.push({ index, outcome });
    // What is waiting before its next try is tried now.
    tries.hurry();
    this.run();
    return outcome.promise;
  }

  /** Writes out what is due; to be called when a memtable has grown. */
  run(): void {
    this.#closeFull();
    if (this.#running !== undefined || !this.#isDue()) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      // Somebody may have asked just before the end.
      this.run();
    });
  }

  /** Resolves when nothing is under way any more; after the store is over. */
  async stopped(): Promise<void> {
    await this.#running;
  }

  /** Those who wait for a flush are told that it failed; the work goes on. */
  readonly refuse = (error: EngineError): void => {
    const refused = this.#waiters;
    this.#waiters = [];
    for (const { outcome } of refused) outcome.reject(error);
  };

  /** A manifest was recorded, and its tables are what is read. */
  recorded(coveredIndex: number): void {
    const { memtables, clock } = this.#options;
    const { immutable } = memtables;
    if (immutable !== undefined && immutable.lastIndex <= coveredIndex) {
      memtables.written();
      this.#flushes += 1;
      this.#flushedMs = clock.nowMs();
      this.#closeFull();
    }
    const done = this.#waiters.filter(({ index }) => index <= coveredIndex);
    if (done.length === 0) return;
    this.#waiters = this.#waiters.filter(({ index }) => index > coveredIndex);
    for (const { outcome } of done) outcome.resolve();
  }

  /** A full memtable makes room at once for the next one, whatever the loop is doing; two full ones stop the writes. */
  #closeFull(): void {
    const { memtables, rules } = this.#options;
    if (memtables.immutable === undefined && memtables.active.bytes > rules.memtableBytesMax) memtables.close();
  }

  #isDue(): boolean {
    const { memtables, edits, life } = this.#options;
    if (life.over !== undefined) return false;
    return memtables.immutable !== undefined || this.#wantedIndex > edits.coveredIndex;
  }

  async #run(): Promise<void> {
    const { memtables, life } = this.#options;
    try {
      while (this.#isDue()) {
        const filled = memtables.immutable ?? memtables.close();
        if (filled === undefined) throw new EngineError('bug', 'entries are to be flushed, and there are none');
        await this.#writeOut(filled);
      }
    } catch (error) {
      // What passes by itself was tried again below; so the store is over, or this is a bug that must not stay unheard.
      life.giveUp(toEngineError(error));
    }
  }

  async #writeOut({ memtable, lastIndex }: FilledMemtable): Promise<void> {
    const { rules, clock, pause, snapshots, edits, uploads, life } = this.#options;
    const [level0Below = [], ...levels] = edits.levels;
    const slices = new WorkSlices(clock, pause);
    const added = await mergeIntoTables({
      cursor: memtable.cursor(),
      drop: new DropPolicy({ readers: snapshots, level0Below, levelsBelow: levels }),
      writer: new TableWriter(rules, uploads.uploader(this.refuse), slices),
      slices,
      ending: life.ending,
      discard: (infos) => uploads.discard(infos),
    });
    await edits.commit({ removed: [], added, level: 0, coveredIndex: lastIndex });
  }
}
