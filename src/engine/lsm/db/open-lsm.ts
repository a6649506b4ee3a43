// Opens the writer's store: puts memtables, tables, flush and compaction together behind the contract of lsm-store.ts.
//
// What changes in one turn of the event loop, so that no read ever sees half of it: an entry with all its changes; and, once a manifest
// is recorded, the tables that are read together with the memtable that they replace.

import { EngineError } from '../../base/errors.ts';
import type { LsmRules } from '../core/lsm-rules.ts';
import { compareNames, nameText } from '../core/table-name.ts';
import { BucketTables } from '../io/bucket-tables.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { readManifest } from '../manifest/manifest-objects.ts';
import { BackgroundTries } from './background-tries.ts';
import { CompactionLoop } from './compaction-loop.ts';
import { bytesOf } from './compaction-policy.ts';
import { FlushLoop } from './flush-loop.ts';
import type { LsmEntry, LsmOptions, LsmStats, LsmStore, OpenLsm } from './lsm-store.ts';
import { ManifestEdits } from './manifest-edits.ts';
import { Memtables } from './memtables.ts';
import { type OpenTables, openTablesIn } from './open-tables.ts';
import { ReadCore, type ReadSources } from './read-core.ts';
import { Snapshots } from './snapshots.ts';
import { StoreLife } from './store-life.ts';
import { TableSets } from './table-set.ts';
import { TableUploads } from './table-uploads.ts';
import { WriteRoom } from './write-room.ts';

/** Tables whose index is fetched at the same time after opening. */
const opensAtOnce = 16;

/**
 * Rejects with `object-not-found` or `corrupt-object` when the manifest is not what the log says, and with `fenced-term` when a later
 * writer has made it. Tables are opened in the background: the first reads may wait for them, opening does not.
 */
export const openLsm: OpenLsm = async (options) => {
  const { rules, store, prefix, manifest: ref } = options;
  checkRules(rules);
  const manifest = ref === undefined ? undefined : (await readManifest(store, prefix, ref)).manifest;
  if (manifest !== undefined) checkWriter(manifest, options);
  return new LiveLsm(prepareStore(options, manifest));
};

interface StoreParts {
  readonly options: LsmOptions;
  readonly life: StoreLife;
  readonly tries: BackgroundTries;
  readonly snapshots: Snapshots;
  readonly memtables: Memtables;
  readonly tables: OpenTables;
  readonly sets: TableSets;
  readonly manifest: Manifest | undefined;
  readonly storage: BucketTables;
}

function prepareStore(options: LsmOptions, manifest: Manifest | undefined): StoreParts {
  const { store, prefix, caches, clock, logger, onGiveUp } = options;
  const life = new StoreLife((error) => {
    logger.error({ err: error, prefix }, 'the store gives up');
    onGiveUp(error);
  });
  const snapshots = new Snapshots();
  const storage = new BucketTables({ store, prefix, caches, logger });
  const tables = openTablesIn(storage, caches.blocks);
  return {
    options,
    life,
    tries: new BackgroundTries({ clock, logger, life }),
    snapshots,
    memtables: new Memtables(manifest?.coveredIndex ?? 0, (from, below) => snapshots.anyIn(from, below)),
    tables,
    sets: new TableSets(manifest?.levels ?? [], tables, ({ name }) => storage.forget(name)),
    manifest,
    storage,
  };
}

class LiveLsm extends ReadCore implements LsmStore {
  readonly #parts: StoreParts;
  readonly #edits: ManifestEdits;
  readonly #uploads: TableUploads;
  readonly #flushes: FlushLoop;
  readonly #compactions: CompactionLoop;
  readonly #room: WriteRoom;

  constructor(parts: StoreParts) {
    super(sourcesOf(parts), parts.snapshots);
    this.#parts = parts;
    const { options, life, tries, snapshots, memtables, tables, sets, storage, manifest } = parts;
    this.#edits = new ManifestEdits({
      ...options,
      life,
      tries,
      manifest,
      recorded: (recorded) => this.#read(recorded),
      failed: (error) => this.#flushes.refuse(error),
    });
    this.#uploads = new TableUploads({ ...options, storage, edits: this.#edits, tables, tries });
    const work = { ...options, life, tries, snapshots, memtables, edits: this.#edits, uploads: this.#uploads };
    this.#flushes = new FlushLoop(work);
    this.#compactions = new CompactionLoop({ ...work, sets, tables, onStuck: () => this.#room.changed() });
    this.#room = new WriteRoom({
      ...options,
      life,
      fill: () => ({
        memtablesFull: memtables.immutable !== undefined && memtables.active.bytes > options.rules.memtableBytesMax,
        level0: this.#edits.levels[0]?.length ?? 0,
        stuck: this.#compactions.stuck,
      }),
    });
    life.ending.addEventListener('abort', () => this.end(life.over as EngineError), { once: true });
    tables.openAll(this.#edits.levels.flat(), opensAtOnce).catch((error: unknown) => {
      // Whoever reads it hears of it; here it is only earlier than needed.
      if (life.over === undefined) options.logger.warn({ err: error }, 'a table could not be opened ahead');
    });
    this.#compactions.run();
  }

  get appliedIndex(): number {
    return this.#parts.memtables.appliedIndex;
  }

  get coveredIndex(): number {
    return this.#edits.coveredIndex;
  }

  get manifest(): Manifest | undefined {
    return this.#edits.manifest;
  }

  replay(entries: readonly LsmEntry[]): void {
    const { life, memtables, options } = this.#parts;
    life.check();
    memtables.replay(entries, options.clock.monotonicMs());
    this.#flushes.run();
  }

  room(): Promise<void> | undefined {
    return this.#room.room();
  }

  apply(entry: LsmEntry): void {
    const { life, memtables, options } = this.#parts;
    life.check();
    memtables.apply(entry, options.clock.monotonicMs());
    this.#room.applied();
    if (memtables.active.bytes > options.rules.memtableBytesMax) this.#flushes.run();
  }

  flush(): Promise<void> {
    return this.#flushes.flush();
  }

  async compact(): Promise<void> {
    await this.flush();
    await this.#compactions.compactAll();
  }

  stats(): LsmStats {
    const { memtables, snapshots, tries } = this.#parts;
    const { active, immutable } = memtables;
    const { manifest } = this.#edits;
    return {
      appliedIndex: this.appliedIndex,
      coveredIndex: this.coveredIndex,
      memtable: { rows: active.rows, bytes: active.bytes },
      immutable:
        immutable === undefined ? undefined : { rows: immutable.memtable.rows, bytes: immutable.memtable.bytes },
      levels: this.#edits.levels.map((tables) => ({
        tables: tables.length,
        bytes: bytesOf(tables),
        entries: tables.reduce((sum, { entries }) => sum + entries, 0),
      })),
      manifest: manifest && { name: nameText(manifest.name), createdMs: manifest.createdMs },
      flushedMs: this.#flushes.flushedMs ?? manifest?.createdMs,
      dirtySinceMs: this.#dirtySinceMs(),
      snapshots: snapshots.count,
      counters: {
        flushes: this.#flushes.flushes,
        ...this.#compactions.counters,
        bytesWritten: this.#uploads.bytesWritten,
        ...this.#room.counters,
        retries: tries.retries,
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { life, sets } = this.#parts;
    life.close();
    await this.#flushes.stopped();
    await this.#compactions.stopped();
    sets.close();
  }

  #dirtySinceMs(): number | undefined {
    const { memtables, options } = this.#parts;
    const { clock } = options;
    if (memtables.sinceMs === undefined) return undefined;
    return Math.round(clock.nowMs() - (clock.monotonicMs() - memtables.sinceMs));
  }

  /** From now on this manifest is what is read; the memtable that it covers goes in the same turn. */
  #read({ levels, coveredIndex }: Manifest): void {
    this.#parts.sets.install(levels);
    this.#flushes.recorded(coveredIndex);
    this.#compactions.run();
    this.#room.changed();
  }
}

function sourcesOf({ memtables, sets }: StoreParts): ReadSources {
  return {
    get memtables() {
      return memtables.newestFirst;
    },
    get tables() {
      return sets.current;
    },
    get newest() {
      return memtables.appliedIndex;
    },
  };
}

/** With rules that contradict each other a store would stop for good, or merge for ever. */
function checkRules(rules: LsmRules): void {
  const { level0Trigger, level0Slowdown, level0Stop, levels, levelRatio } = rules;
  const isSound =
    level0Trigger >= 1 &&
    level0Trigger <= level0Slowdown &&
    level0Slowdown <= level0Stop &&
    levels >= 2 &&
    levelRatio > 1 &&
    [rules.memtableBytesMax, rules.blockBytes, rules.tableBytes, rules.level1Bytes].every((bytes) => bytes > 0);
  if (!isSound) throw new EngineError('usage', `rules of the store contradict each other: ${JSON.stringify(rules)}`);
}

/** A log that names the manifest of a later writer is not open under our term. */
function checkWriter({ name }: Manifest, { incarnation, term, prefix }: LsmOptions): void {
  if (compareNames({ ...name, number: 0 }, { incarnation, term, number: 0 }) <= 0) return;
  throw new EngineError(
    'fenced-term',
    `manifest ${nameText(name)} of ${prefix} was written by a later term than ${term}`,
    {
      context: { manifest: nameText(name), incarnation, term },
    },
  );
}
