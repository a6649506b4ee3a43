// Random histories of a domain whose processes die: every write to the log or to the bucket may be the last one, and may have
// happened or not. In between the log refuses or does not tell, the bucket does not answer, and leaders are deposed while they work.
//
// Every write sets a marker row of its own beside its random changes, so the rows of a reader tell which writes are in them. At the
// end the writes that the log took are known, in order: the history. Then
// - acknowledged writes are in it, refused ones are not, those of unknown outcome are or are not, for good once somebody looked
// - what anybody read, from a domain or from the bucket, is the effect of a prefix of it, so batches are whole
// - what a flush had promised was in the bucket

import { expect } from 'vitest';
import { hasCode, toEngineError } from '../../../src/engine/base/errors.ts';
import { incarnation } from '../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { type Random, seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import {
  type DomainChange,
  type DomainReads,
  type LsmDomain,
  openDomainView,
  openLsmDomain,
} from '../../../src/engine/domain/domain.ts';
import { decodeEntry } from '../../../src/engine/domain/domain-entry-format.ts';
import { BlockCache } from '../../../src/engine/lsm/lsm.ts';
import {
  type LogFault,
  type LogOperation,
  MemoryLog,
  MemoryLogDisk,
} from '../../../src/engine/replicated-log/memory-log.ts';
import type { Fault } from '../../../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../../../src/engine/store/faulty-store.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import type { StoreOperation } from '../../../src/engine/store/metered-store.ts';
import { clusterId, set, tinyRules, turn, unset } from './domain-stage.ts';

export interface HistoryOptions {
  readonly seed: number;
  readonly atOnce: boolean;
  readonly steps: number;
}

interface IssuedWrite {
  readonly marker: string;
  readonly changes: readonly DomainChange[];
  /** Made by a leader that had been deposed before, and which term that had. */
  readonly stale: { readonly by: LsmDomain; readonly term: number } | undefined;
  outcome: 'pending' | 'acknowledged' | 'refused' | 'unknown';
  /** What a reader saw of it after it was settled. */
  seen: boolean | undefined;
}

interface Sighting {
  readonly by: string;
  readonly rows: readonly string[];
  /** These must be in it. */
  readonly atLeast: readonly IssuedWrite[];
}

const never = new Promise<never>(() => {});
const definite = ['disk-full', 'log-unavailable'] as const;
const expected = [...definite, 'outcome-unknown', 'fenced-term', 'shutting-down'] as const;
const passing = ['store-unavailable', 'store-timeout', ...expected] as const;
const forks = ['a', 'b', 'b/1', 'c', 'é', 'key with a longer name'];

/** One process: its own way to log and bucket, both cut at its death. */
class Process {
  readonly log: MemoryLog;
  readonly store: FaultyStore;
  readonly clock: VirtualClock;
  domain: LsmDomain | undefined;
  dead = false;
  readonly #world: History;
  readonly #random: Random;
  #writesLeft: number;

  constructor(world: History, writesLeft: number) {
    this.#random = world.random;
    this.#writesLeft = writesLeft;
    this.#world = world;
    this.clock = new VirtualClock(world.nowMs());
    this.log = new MemoryLog({ disk: world.disk, faults: (operation) => this.#logFault(operation) });
    this.store = new FaultyStore(
      world.bucket,
      { next: (operation, key) => this.#storeFault(operation, key) },
      this.clock,
    );
  }

  /** Another one has taken the domain since. One that does not know an outcome may take it back. */
  get deposed(): boolean {
    return this.domain !== undefined && this.domain.term !== this.#world.disk.groups.get('domain/test')?.term;
  }

  die(): void {
    if (this.dead) return;
    this.dead = true;
    this.store.cut();
    this.log.crash(Math.floor(this.#random.fraction() * 3));
  }

  /** The last write is under way: what it does is decided, but nobody is told. */
  #isLast(): boolean {
    this.#writesLeft -= 1;
    if (this.#writesLeft > 0) return false;
    queueMicrotask(() => this.die());
    return true;
  }

  #logFault(operation: LogOperation): LogFault | undefined {
    // Before something is trimmed.
    this.#world.readLog();
    if (this.#isLast()) return { kind: 'slow', until: never };
    const dice = this.#random.fraction() / this.#world.trouble;
    if (dice < 0.02) return { kind: 'unknown', effect: this.#random.fraction() < 0.5 };
    return dice < 0.04 && operation !== 'open' ? { kind: 'refused' } : undefined;
  }

  #storeFault(operation: StoreOperation, _key: string): Fault | undefined {
    if (operation === 'put' && this.#isLast()) {
      return { kind: this.#random.fraction() < 0.5 ? 'timeout-before' : 'timeout-after' };
    }
    const dice = this.#random.fraction() / this.#world.trouble;
    if (dice < 0.03) return { kind: 'unavailable' };
    if (operation !== 'put') return undefined;
    if (dice < 0.05) return { kind: 'timeout-after' };
    return dice < 0.07 ? { kind: 'timeout-late', latencyMs: 50 } : undefined;
  }
}

export class History {
  readonly random: Random;
  readonly disk = new MemoryLogDisk('00000000-0000-4000-8000-00000000000d');
  readonly bucket: MemoryStore;
  /** Factor of all chances that something fails. */
  trouble = 1;
  readonly #options: HistoryOptions;
  readonly #writes: IssuedWrite[] = [];
  readonly #sightings: Sighting[] = [];
  readonly #processes: Process[] = [];
  /** Markers in the order of the log. */
  readonly #logged: string[] = [];
  #nowMs = 1_700_000_000_000;
  #leader: Process;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.bucket = new MemoryStore({ clock: { ...new VirtualClock(), nowMs: () => this.#nowMs } as VirtualClock });
    this.#leader = new Process(this, this.#pick(80));
  }

  nowMs(): number {
    return this.#nowMs;
  }

  get writes(): number {
    return this.#writes.length;
  }

  /** Notes what the log has taken since. */
  readLog(): void {
    for (const { index, bytes } of this.disk.groups.get('domain/test')?.entries ?? []) {
      if (index === this.#logged.length + 1) this.#logged.push(decodeEntry(bytes, 'test').changes[0]?.key as string);
    }
  }

  async run(): Promise<void> {
    await this.#lead();
    let old: Process | undefined;
    for (let step = 0; step < this.#options.steps; step++) {
      await this.#step(old !== undefined && this.#chance(0.2) ? old : this.#leader);
      if (this.#leader.dead) {
        await this.#lead();
      } else if (this.#chance(0.03)) {
        // The old one does not know yet.
        old = this.#leader;
        await this.#lead();
      }
    }
    await this.#end();
  }

  async #step(process: Process): Promise<void> {
    const { domain, clock } = process;
    if (domain === undefined) return;
    const dice = this.random.fraction();
    if (dice < 0.5) this.#write(process, domain);
    else if (dice < 0.7) await this.#promptly(process, this.#read(process, domain));
    else if (dice < 0.8) await this.#promptly(process, this.#flush(process, domain));
    else if (dice < 0.83) await this.#promptly(process, this.#quietly(domain.compact()));
    else if (dice < 0.9) await this.#look([]);
    else await clock.advance(this.#pick(40_000));
    for (let n = this.#pick(4); n > 0; n--) await turn();
  }

  #write(process: Process, domain: LsmDomain): void {
    const batches = Array.from({ length: this.#chance(0.2) ? 3 : 1 }, () =>
      this.#issue(process.deposed ? domain : undefined),
    );
    const outcomes = domain.writeAll(batches.map(({ changes }) => changes));
    outcomes.then((settled) => {
      for (const [at, outcome] of settled.entries()) {
        const write = batches[at] as IssuedWrite;
        if (outcome.status === 'fulfilled') write.outcome = 'acknowledged';
        else {
          expect(expected, String(outcome.reason)).toContain(outcome.reason.code);
          write.outcome = hasCode(outcome.reason, ...definite) ? 'refused' : 'unknown';
        }
      }
    });
  }

  #issue(deposed: LsmDomain | undefined): IssuedWrite {
    const marker = `w/${String(this.#writes.length).padStart(5, '0')}`;
    const changes: DomainChange[] = [set(marker, '')];
    for (let n = this.#pick(4); n > 0; n--) {
      const key = forks[this.#pick(forks.length)] as string;
      changes.push(this.#chance(0.3) ? unset(key) : set(key, marker.repeat(this.#pick(12))));
    }
    const stale = deposed && { by: deposed, term: deposed.term };
    const write: IssuedWrite = { marker, changes, stale, outcome: 'pending', seen: undefined };
    this.#writes.push(write);
    return write;
  }

  async #read(process: Process, domain: LsmDomain): Promise<void> {
    const before = this.#settled();
    const rows = await this.#quietly(allRows(domain));
    if (rows === undefined) return;
    const acknowledged = before.filter(({ outcome }) => outcome === 'acknowledged');
    this.#sightings.push({
      by: process.deposed ? 'a deposed leader' : 'the leader',
      rows,
      atLeast: process.deposed ? [] : acknowledged,
    });
    if (process.deposed) return;
    this.#note(before, rows);
    // What a domain shows that flushes at once is in the bucket.
    if (this.#options.atOnce) await this.#look(this.#writes.filter(({ marker }) => rows.includes(`${marker}=`)));
  }

  async #flush(process: Process, domain: LsmDomain): Promise<void> {
    const acknowledged = this.#settled().filter(({ outcome }) => outcome === 'acknowledged');
    const flushed = await this.#quietly(domain.flush().then(() => true));
    if (flushed === true && !process.deposed) await this.#look(acknowledged);
  }

  /** A stranger's process opens the bucket. */
  async #look(atLeast: readonly IssuedWrite[]): Promise<void> {
    const acknowledged = this.#settled().filter(({ outcome }) => outcome === 'acknowledged');
    const view = await openDomainView({
      store: this.bucket,
      clusterId,
      name: 'test',
      caches: { blocks: new BlockCache(50_000), disk: undefined },
      logger: silentLogger,
    });
    const rows = view === undefined ? [] : await allRows(view);
    this.#sightings.push({ by: 'the bucket', rows, atLeast: this.#options.atOnce ? acknowledged : atLeast });
  }

  /** A new process takes the domain; those that die or fail on the way are followed by others. */
  async #lead(): Promise<void> {
    for (let tries = 0; ; tries++) {
      expect(tries, 'nobody can open the domain').toBeLessThan(50);
      const process = new Process(this, this.#pick(tries > 20 ? 1000 : 80) + 1);
      this.#leader = process;
      this.#processes.push(process);
      const opening = openLsmDomain({
        name: 'test',
        log: process.log,
        store: process.store,
        clusterId,
        incarnation: incarnation(1),
        caches: { blocks: new BlockCache(50_000), disk: undefined },
        rules: tinyRules,
        clock: process.clock,
        random: this.random,
        logger: silentLogger,
        flush: this.#options.atOnce ? 'at-once' : { everyMs: () => 15_000 },
        confirmOwnership: async () => {},
        pause: turn,
      });
      const opened = opening.then((domain) => {
        process.domain = domain;
      });
      await this.#promptly(process, this.#quietly(opened));
      if (process.domain !== undefined && !process.dead) return;
      process.die();
    }
  }

  async #end(): Promise<void> {
    this.trouble = 1e-9;
    for (const process of this.#processes) process.die();
    for (let n = 0; n < 5; n++) await turn();
    do await this.#lead();
    while (this.#leader.dead);
    const { domain } = this.#leader;
    const last = domain && (await this.#quietly(allRows(domain)));
    if (domain === undefined || last === undefined || this.#leader.dead) return this.#end();
    const settled = this.#settled();
    this.readLog();
    const history = this.#logged.map((logged) => this.#writes.find(({ marker }) => marker === logged) as IssuedWrite);
    this.#note(settled, last);
    expect(last).toEqual(effectOf(history));
    for (const write of settled) {
      const isIn = history.includes(write);
      if (write.outcome === 'acknowledged') expect(isIn, `${write.marker} was acknowledged`).toBe(true);
      if (write.outcome === 'refused') expect(isIn, `${write.marker} was refused`).toBe(false);
      if (write.stale !== undefined && write.stale.by.term === write.stale.term)
        expect(isIn, `${write.marker} is a deposed leader’s`).toBe(false);
    }
    await this.#flush(this.#leader, domain);
    for (const sighting of this.#sightings) judge(sighting, history);
  }

  /** Once somebody has looked behind a settled write, it is there for good, or never will be. */
  #note(settled: readonly IssuedWrite[], rows: readonly string[]): void {
    for (const write of settled) {
      const isIn = rows.includes(`${write.marker}=`);
      write.seen ??= isIn;
      expect(isIn, `${write.marker} was ${write.seen ? '' : 'not '}there before`).toBe(write.seen);
    }
  }

  #settled(): IssuedWrite[] {
    return this.#writes.filter(({ outcome }) => outcome !== 'pending');
  }

  /** Lets time pass while it takes long; a process that died meanwhile never answers. */
  async #promptly(process: Process, work: Promise<unknown>): Promise<void> {
    let done = false;
    const settled = work.finally(() => {
      done = true;
    });
    for (let waits = 0; !done && !process.dead; waits++) {
      await turn();
      if (waits > 20) await process.clock.advance(1000);
      expect(waits, 'something hangs').toBeLessThan(2000);
    }
    if (done) await settled;
    else settled.catch(() => {});
    this.#nowMs = Math.max(this.#nowMs, Math.ceil(process.clock.nowMs()));
  }

  /** Undefined when it failed in a way that may happen. */
  async #quietly<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (!hasCode(error, ...passing)) throw toEngineError(error);
      return undefined;
    }
  }

  #pick(below: number): number {
    return Math.floor(this.random.fraction() * below);
  }

  #chance(of: number): boolean {
    return this.random.fraction() < of;
  }
}

async function allRows(reads: DomainReads): Promise<string[]> {
  return (await reads.scan({})).map(({ key, value }) => `${key}=${value}`);
}

function effectOf(writes: readonly IssuedWrite[]): string[] {
  const rows = new Map<string, string>();
  for (const { changes } of writes) {
    for (const { key, value } of changes) {
      if (value === undefined) rows.delete(key);
      else rows.set(key, Buffer.from(value).toString());
    }
  }
  const keys = [...rows.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return keys.map((key) => `${key}=${rows.get(key)}`);
}

/** What somebody saw is the effect of a prefix of the history, and holds what it must. */
function judge({ by, rows, atLeast }: Sighting, history: readonly IssuedWrite[]): void {
  const count = rows.filter((row) => row.startsWith('w/')).length;
  expect(rows, `${by} showed something else than the first ${count} writes`).toEqual(effectOf(history.slice(0, count)));
  for (const { marker } of atLeast) expect(rows, `${by} lacked ${marker}`).toContain(`${marker}=`);
}
