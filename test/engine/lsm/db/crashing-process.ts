// A process with an LSM store in it, for tests: it can die at any write to the bucket or to its log, calls to the bucket can fail for
// now, records in the log can get lost or their outcome unknown, and time passes as soon as somebody waits for it.
//
// Bucket and log outlive processes. A process that died does nothing any more: what it waits for never comes.

import type { Clock, Timer } from '../../../../src/engine/base/clock.ts';
import { EngineError } from '../../../../src/engine/base/errors.ts';
import { incarnation, term } from '../../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../../src/engine/base/logger.ts';
import type { Random } from '../../../../src/engine/base/random.ts';
import type { LsmRules } from '../../../../src/engine/lsm/core/lsm-rules.ts';
import type { Change } from '../../../../src/engine/lsm/core/row.ts';
import type { LsmEntry, LsmStore } from '../../../../src/engine/lsm/db/lsm-store.ts';
import { openLsm } from '../../../../src/engine/lsm/db/open-lsm.ts';
import { BlockCache } from '../../../../src/engine/lsm/io/block-cache.ts';
import type { ManifestJournal, ManifestRef } from '../../../../src/engine/lsm/manifest/manifest.ts';
import type { Fault } from '../../../../src/engine/store/fault-plan.ts';
import { type FaultRates, randomFaults } from '../../../../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../../../../src/engine/store/faulty-store.ts';
import { MemoryStore } from '../../../../src/engine/store/memory-store.ts';
import type { Body, ObjectInfo, PutOptions } from '../../../../src/engine/store/object-store.ts';

export const prefix = 'cluster/domain/test/';

/** So small that a hundred rows keep all levels busy. */
export const tinyRules: LsmRules = {
  memtableBytesMax: 1500,
  blockBytes: 256,
  restartInterval: 4,
  bloomBitsPerKey: 10,
  compression: 'none',
  tableBytes: 1024,
  level0Trigger: 2,
  level0Slowdown: 4,
  level0Stop: 6,
  level1Bytes: 2048,
  levelRatio: 2,
  levels: 5,
  grandparentOverlapTables: 2,
};

/** Whoever waits does not wait: a timer fires in the next turn, and the clock then stands where it should. */
export class HastyClock implements Clock {
  readonly #random: Random;
  #nowMs = 1_700_000_000_000;
  stopped = false;

  constructor(random: Random) {
    this.#random = random;
  }

  nowMs(): number {
    return Math.floor(this.#nowMs);
  }

  /** Each look takes a while, so that long work has to step aside at every chance. */
  monotonicMs(): number {
    this.#nowMs += this.#random.fraction() * 4;
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const immediate = setImmediate(() => {
      if (this.stopped) return;
      this.#nowMs += delayMs;
      run();
    });
    return { cancel: () => clearImmediate(immediate) };
  }
}

/** Refuses what could replace an object: all names are taken once. */
class CreateOnlyBucket extends MemoryStore {
  override async put(key: string, body: Body, options?: PutOptions): Promise<ObjectInfo> {
    if (options?.createOnly !== true) throw new Error(`${key} is put without createOnly`);
    return await super.put(key, body, options);
  }
}

/** The write-ahead log: committed entries, the manifest that is recorded, and the term under which that may go on. */
export class ArrayLog {
  readonly entries: LsmEntry[] = [];
  recorded: { readonly ref: ManifestRef; readonly coveredIndex: number } | undefined;
  term = 0;
  #lastIndex = 0;

  append(changes: readonly Change[]): LsmEntry {
    const entry = { index: ++this.#lastIndex, changes };
    this.entries.push(entry);
    return entry;
  }

  record(byTerm: number, ref: ManifestRef, coveredIndex: number): void {
    if (byTerm < this.term) throw new EngineError('fenced-term', `term ${byTerm} is over`);
    if (coveredIndex < (this.recorded?.coveredIndex ?? 0)) throw new Error('the covered index went back');
    // A record is an entry of the log too: it takes an index.
    this.#lastIndex += 1;
    this.recorded = { ref, coveredIndex };
  }

  get tail(): readonly LsmEntry[] {
    const covered = this.recorded?.coveredIndex ?? 0;
    return this.entries.filter(({ index }) => index > covered);
  }
}

/** Of all writes to bucket and log, over all processes, the one at which the process dies, and on which side of it. */
export interface LastWrite {
  readonly number: number;
  readonly side: 'before' | 'after';
}

export interface WorldOptions {
  readonly random: Random;
  readonly rules?: LsmRules;
  readonly faults?: FaultRates;
  /** Chance that a record in the log ends with an unknown outcome. */
  readonly unknownRecords?: number;
  readonly lastWrites?: readonly LastWrite[];
}

export class World {
  readonly options: WorldOptions;
  readonly bucket: MemoryStore;
  readonly log = new ArrayLog();
  readonly clock: HastyClock;
  /** Writes to bucket and log so far. */
  writes = 0;

  constructor(options: WorldOptions) {
    this.options = options;
    this.clock = new HastyClock(options.random);
    this.bucket = new CreateOnlyBucket({ clock: this.clock });
  }

  /** A new process takes the next term, opens what the log names, and replays what follows. */
  async start(): Promise<CrashingProcess> {
    this.log.term += 1;
    for (let tries = 0; ; tries++) {
      const process = new CrashingProcess(this, this.log.term);
      try {
        await process.open();
        return process;
      } catch (error) {
        if (tries > 100 || !(error instanceof EngineError && error.kind === 'unavailable')) throw error;
      }
    }
  }

  /** What happens at the next write. */
  fate(): 'survives' | 'before' | 'after' {
    this.writes += 1;
    return this.options.lastWrites?.find(({ number }) => number === this.writes)?.side ?? 'survives';
  }
}

export class CrashingProcess {
  readonly term: number;
  readonly store: FaultyStore;
  readonly #world: World;
  readonly #clock: HastyClock;
  readonly #died = Promise.withResolvers<'died'>();
  #lsm: LsmStore | undefined;
  #gaveUp: EngineError | undefined;

  constructor(world: World, byTerm: number) {
    this.#world = world;
    this.term = byTerm;
    this.#clock = new HastyClock(world.options.random);
    const faults = randomFaults(world.options.random, world.options.faults ?? { kinds: {} });
    this.store = new FaultyStore(
      world.bucket,
      {
        next: (operation, key) => (operation === 'put' ? this.#beforePut() : undefined) ?? faults.next(operation, key),
      },
      this.#clock,
    );
  }

  get lsm(): LsmStore {
    if (this.#lsm === undefined) throw new Error('the store is not open');
    return this.#lsm;
  }

  get isDead(): boolean {
    return this.#clock.stopped;
  }

  get gaveUp(): EngineError | undefined {
    return this.#gaveUp;
  }

  get died(): Promise<'died'> {
    return this.#died.promise;
  }

  async open(): Promise<void> {
    const { log, options } = this.#world;
    this.#lsm = await openLsm({
      store: this.store,
      prefix,
      incarnation: incarnation(1),
      term: term(this.term),
      journal: this.#journal(),
      manifest: log.recorded?.ref,
      caches: { blocks: new BlockCache(16 * 1024), disk: undefined },
      rules: options.rules ?? tinyRules,
      clock: this.#clock,
      logger: silentLogger,
      pause: () => new Promise((resolve) => void setImmediate(resolve)),
      onGiveUp: (error) => {
        if (this.#gaveUp !== undefined) throw new Error('the store gave up twice');
        this.#gaveUp = error;
      },
    });
    this.#lsm.replay(log.tail);
  }

  /** Nothing of it reaches bucket or log any more. */
  die(): void {
    if (this.isDead) return;
    this.#clock.stopped = true;
    // The write that was its last is under way in this turn.
    setImmediate(() => {
      this.store.cut();
      this.#died.resolve('died');
    });
  }

  #beforePut(): Fault | undefined {
    if (this.isDead) return { kind: 'unavailable' };
    const fate = this.#world.fate();
    if (fate === 'survives') return undefined;
    this.die();
    return { kind: fate === 'before' ? 'timeout-before' : 'timeout-after' };
  }

  #journal(): ManifestJournal {
    const { log, options } = this.#world;
    const { random, unknownRecords = 0 } = options;
    return {
      confirm: async () => {
        if (this.isDead) await forever();
        // Ownership is confirmed now and then only: a process that was replaced may go on uploading for a while.
        if (log.term > this.term && random.fraction() < 0.5) throw new EngineError('fenced-owner', 'replaced');
      },
      record: async (ref, coveredIndex) => {
        if (this.isDead) await forever();
        const fate = this.#world.fate();
        if (fate === 'before') {
          this.die();
          await forever();
        }
        const lost = random.fraction() < unknownRecords;
        if (lost && random.fraction() < 0.5) throw new EngineError('outcome-unknown', 'the record got lost');
        log.record(this.term, ref, coveredIndex);
        if (fate === 'after') {
          this.die();
          await forever();
        }
        if (lost) throw new EngineError('outcome-unknown', 'the answer to the record got lost');
      },
    };
  }
}

const forever = (): Promise<never> => new Promise(() => undefined);
