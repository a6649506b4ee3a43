// Where domains are tested: a log and a bucket in memory, with faults on demand, and domains opened on them.

import { EngineError } from '../../../src/engine/base/errors.ts';
import { incarnation, type Term } from '../../../src/engine/base/ids.ts';
import type { LogFields, Logger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import {
  type Domain,
  type DomainChange,
  type DomainReads,
  type FlushPolicy,
  type LsmDomain,
  openDomainView,
  openLsmDomain,
} from '../../../src/engine/domain/domain.ts';
import { BlockCache, defaultLsmRules, type LsmRules } from '../../../src/engine/lsm/lsm.ts';
import { type LogFault, type LogOperation, MemoryLog } from '../../../src/engine/replicated-log/memory-log.ts';
import type { Fault } from '../../../src/engine/store/fault-plan.ts';
import { FaultyStore } from '../../../src/engine/store/faulty-store.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import type { StoreOperation } from '../../../src/engine/store/metered-store.ts';
import { openSimpleDomain, type SimpleDomain } from './simple-domain.ts';

export const clusterId = '11111111-2222-4333-8444-555555555555';
export const prefix = `${clusterId}/domain/test/`;

/** Every few writes make a table, every few tables a merge. */
export const tinyRules: LsmRules = {
  ...defaultLsmRules,
  memtableBytesMax: 1500,
  blockBytes: 200,
  restartInterval: 4,
  tableBytes: 800,
  level0Trigger: 2,
  level0Slowdown: 50,
  level0Stop: 60,
  level1Bytes: 2000,
  levelRatio: 2,
  levels: 4,
  grandparentOverlapTables: 2,
};

export const set = (key: string, value: string): DomainChange => ({ key, value: Buffer.from(value) });
export const unset = (key: string): DomainChange => ({ key, value: undefined });
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
export const unavailable = (): Promise<never> => Promise.reject(new EngineError('store-unavailable', 'cut off'));

export async function rowsOf(domain: DomainReads): Promise<string[]> {
  return (await domain.scan({})).map(({ key, value }) => `${key}=${value}`);
}

export interface OpenOptions {
  readonly flush?: FlushPolicy;
  readonly rules?: LsmRules;
  readonly termAtLeast?: Term;
  readonly confirmOwnership?: () => Promise<void>;
  readonly store?: FaultyStore;
  readonly log?: MemoryLog;
}

export class DomainStage {
  readonly clock = new VirtualClock();
  readonly random = seededRandom(7);
  readonly bucket = new MemoryStore({ clock: this.clock });
  readonly warnings: LogFields[] = [];
  readonly errors: LogFields[] = [];
  /** Calls to the store that were begun, as "put <key>". */
  readonly calls: string[] = [];
  log = new MemoryLog();
  #storeFault: ((operation: StoreOperation, key: string) => Fault | undefined) | undefined;

  readonly logger: Logger = {
    debug: () => {},
    info: () => {},
    warn: (fields) => void this.warnings.push(fields),
    error: (fields) => void this.errors.push(fields),
  };

  /** A way to the bucket that can be cut, as each process has its own. */
  newStore(): FaultyStore {
    const next = (operation: StoreOperation, key: string): Fault | undefined => {
      this.calls.push(`${operation} ${key}`);
      return this.#storeFault?.(operation, key);
    };
    return new FaultyStore(this.bucket, { next }, this.clock);
  }

  open(options: OpenOptions = {}): Promise<LsmDomain> {
    return openLsmDomain({
      name: 'test',
      log: options.log ?? this.log,
      store: options.store ?? this.newStore(),
      clusterId,
      incarnation: incarnation(1),
      caches: { blocks: new BlockCache(100_000), disk: undefined },
      rules: options.rules ?? tinyRules,
      clock: this.clock,
      random: this.random,
      logger: this.logger,
      flush: options.flush ?? { everyMs: () => 10_000 },
      confirmOwnership: options.confirmOwnership ?? (async () => {}),
      pause: turn,
      ...(options.termAtLeast === undefined ? {} : { termAtLeast: options.termAtLeast }),
    });
  }

  openSimple(termAtLeast?: Term): Promise<SimpleDomain> {
    const { log, logger, random } = this;
    const raised = termAtLeast === undefined ? {} : { termAtLeast };
    return openSimpleDomain({ name: 'test', log, logger, random, snapshotAfterBytes: 400, ...raised });
  }

  view() {
    const caches = { blocks: new BlockCache(100_000), disk: undefined };
    return openDomainView({ store: this.bucket, clusterId, name: 'test', caches, logger: this.logger });
  }

  /** The process is gone; what its log had not flushed may have reached the disk, the first `keep` calls. */
  crash(keep = 0): void {
    this.log = new MemoryLog({ disk: this.log.crash(keep) });
  }

  /** Every call of this kind goes so, until it is called again. */
  onStore(fault: ((operation: StoreOperation, key: string) => Fault | undefined) | undefined): void {
    this.#storeFault = fault;
  }

  /** The bucket takes and gives nothing. */
  cutOff(): void {
    this.onStore(() => ({ kind: 'unavailable' }));
  }

  onLog(fault: ((operation: LogOperation) => LogFault | undefined) | undefined): void {
    this.log.setFaults(fault);
  }

  /** The next call of this kind goes so, the later ones well. */
  onceOnLog(operation: LogOperation, fault: LogFault): void {
    let armed = true;
    this.onLog((called) => {
      if (called !== operation || !armed) return undefined;
      armed = false;
      return fault;
    });
  }

  manifestKeys(): Promise<string[]> {
    return this.#keys('manifest/');
  }

  tableKeys(): Promise<string[]> {
    return this.#keys('sst/');
  }

  async #keys(below: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.bucket.list({ prefix: prefix + below })) keys.push(key);
    return keys;
  }
}

/** A domain of either kind that the conformance suite opens. */
export type TestedDomain = Domain & { readonly term: Term };
