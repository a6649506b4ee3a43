// A domain whose rows are all in memory and whose changes are all in its log, with snapshots of all rows. Simple on purpose: it is
// the oracle of the domain that stands on the LSM store, and writes the logs that were written before there was one.
//
// - One append at a time; the writes that wait share the next one. A write is one entry, so it happens whole or not at all;
//   one that does not fit 1 MiB is refused (`entry-too-large`).
// - Rows change only after the append committed, in the order of the entries.
// - After an unknown outcome the domain takes a new term and reads back: every write's entry carries an id, so the write is
//   then resolved or rejected as it really went. Only when it cannot be read back is it `outcome-unknown`. Until it was read
//   back nothing is read from the rows: they may lack what happened.
// - When another leader has taken the group, the domain closes: everything rejects with `fenced-term` from then on.

import { EngineError, toEngineError } from '../../../src/engine/base/errors.ts';
import type { Term } from '../../../src/engine/base/ids.ts';
import type { Logger } from '../../../src/engine/base/logger.ts';
import type { Random } from '../../../src/engine/base/random.ts';
import { uuidv4 } from '../../../src/engine/base/uuid.ts';
import type { Domain, DomainChange, DomainRow, ScanOptions } from '../../../src/engine/domain/domain.ts';
import { changeBytes, encodeEntry, entryHeaderBytes } from '../../../src/engine/domain/domain-entry-format.ts';
import {
  type AppendOutcome,
  logEntryBytesMax,
  type ReplicatedLog,
} from '../../../src/engine/replicated-log/replicated-log.ts';
import { encodeRowSnapshot } from './row-snapshot.ts';
import { type LoadedDomain, loadDomain } from './simple-domain-loader.ts';
import type { SortedRows } from './sorted-rows.ts';

export interface SimpleDomainOptions {
  /** "control", "groups/0"; its log group is "domain/<name>". */
  readonly name: string;
  /** Stays open when the domain is closed. */
  readonly log: ReplicatedLog;
  readonly logger: Logger;
  readonly random: Random;
  /** A snapshot is taken when the entries behind the last one are larger than this and than the rows; 4 MiB where not given. */
  readonly snapshotAfterBytes?: number;
  /** The term is at least this; a restore raises it. */
  readonly termAtLeast?: Term;
}

interface WaitingWrite {
  readonly writeId: string;
  readonly changes: readonly DomainChange[];
  readonly entry: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: EngineError) => void;
}

const appendBytesMax = 4 * 1024 * 1024;
const queueBytesMax = 64 * 1024 * 1024;

export async function openSimpleDomain(options: SimpleDomainOptions): Promise<SimpleDomain> {
  const loaded = await loadDomain(options.log, `domain/${options.name}`, options.termAtLeast);
  return new SimpleDomain(options, loaded);
}

export class SimpleDomain implements Domain {
  readonly name: string;
  readonly #group: string;
  readonly #options: SimpleDomainOptions;
  #rows: SortedRows;
  #term: Term;
  #end: number;
  #tailBytes: number;
  #snapshotAtBytes: number;
  #queue: WaitingWrite[] = [];
  #queueBytes = 0;
  #running: Promise<void> | undefined;
  /** Set after an unknown outcome until the log was read back. */
  #mustReload = false;
  /** The reading back that is under way; those who need it share it. */
  #reloading: Promise<void> | undefined;
  #closedBy: EngineError | undefined;

  constructor(options: SimpleDomainOptions, loaded: LoadedDomain) {
    this.name = options.name;
    this.#group = `domain/${options.name}`;
    this.#options = options;
    this.#rows = loaded.rows;
    this.#term = loaded.term;
    this.#end = loaded.end;
    this.#tailBytes = loaded.tailBytes;
    this.#snapshotAtBytes = options.snapshotAfterBytes ?? 4 * 1024 * 1024;
  }

  get term(): Term {
    return this.#term;
  }

  async get(key: string): Promise<Buffer | undefined> {
    this.#assertOpen();
    if (this.#mustReload) await this.#readBack();
    return this.#rows.get(key);
  }

  async scan(options: ScanOptions): Promise<DomainRow[]> {
    this.#assertOpen();
    if (this.#mustReload) await this.#readBack();
    return this.#rows.scan(options);
  }

  async write(changes: readonly DomainChange[]): Promise<void> {
    this.#assertOpen();
    if (changes.length === 0) return;
    const write = this.#prepare(changes);
    if (this.#queueBytes + write.entry.length > queueBytesMax) {
      throw new EngineError('log-unavailable', `too many writes to ${this.#group} wait for the log`, {
        context: { domain: this.name, queuedBytes: this.#queueBytes },
      });
    }
    await new Promise<void>((resolve, reject) => {
      this.#queue.push({ ...write, resolve, reject });
      this.#queueBytes += write.entry.length;
      this.#running ??= this.#run();
    });
  }

  writeAll(batches: readonly (readonly DomainChange[])[]): Promise<PromiseSettledResult<void>[]> {
    return Promise.allSettled(batches.map((changes) => this.write(changes)));
  }

  /** There is nothing behind the log to flush to. */
  async flush(): Promise<void> {
    this.#assertOpen();
  }

  /** Lets the writes that wait finish; everything later is refused. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closedBy ??= new EngineError('shutting-down', `domain ${this.name} is closed`);
    await this.#running;
    await this.#reloading?.catch(() => {});
  }

  #assertOpen(): void {
    if (this.#closedBy !== undefined) throw this.#closedBy;
  }

  #prepare(changes: readonly DomainChange[]): Omit<WaitingWrite, 'resolve' | 'reject'> {
    let bytes = entryHeaderBytes;
    for (const change of changes) {
      if (change.key === '' || !change.key.isWellFormed()) {
        throw new EngineError('usage', `not a key of a domain: ${JSON.stringify(change.key)}`);
      }
      bytes += changeBytes(change);
    }
    if (bytes > logEntryBytesMax) {
      throw new EngineError(
        'entry-too-large',
        `a write of ${changes.length} changes to ${this.#group} has ${bytes} bytes`,
        {
          context: { domain: this.name, bytes, bytesMax: logEntryBytesMax },
        },
      );
    }
    const writeId = uuidv4(this.#options.random);
    // The caller may use its buffers again while the write waits.
    const own = changes.map(({ key, value }) => ({ key, value: value === undefined ? undefined : Buffer.from(value) }));
    return { writeId, changes: own, entry: encodeEntry({ writeId, changes: own }) };
  }

  async #run(): Promise<void> {
    // Writes issued in the same turn share the append.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const writes = this.#takeWrites();
      try {
        await this.#commit(writes);
        await this.#snapshotWhenDue();
      } catch (error) {
        // Whoever was answered already is not affected by a second answer.
        for (const write of writes) write.reject(toEngineError(error));
      }
    }
    this.#running = undefined;
  }

  #takeWrites(): WaitingWrite[] {
    const writes: WaitingWrite[] = [];
    let bytes = 0;
    for (const write of this.#queue) {
      if (writes.length > 0 && bytes + write.entry.length > appendBytesMax) break;
      bytes += write.entry.length;
      writes.push(write);
    }
    this.#queue = this.#queue.slice(writes.length);
    this.#queueBytes -= bytes;
    return writes;
  }

  async #commit(writes: readonly WaitingWrite[]): Promise<void> {
    if (this.#mustReload) await this.#readBack();
    const entries = writes.map((write) => write.entry);
    const appends = [{ group: this.#group, term: this.#term, expectedEnd: this.#end, entries }];
    const [outcome] = await this.#options.log.append(appends);
    switch (outcome?.status) {
      case 'committed':
        this.#end = outcome.end;
        for (const write of writes) {
          for (const change of write.changes) this.#rows.apply(change);
          this.#tailBytes += write.entry.length;
          write.resolve();
        }
        return;
      case 'refused':
        for (const write of writes) write.reject(toEngineError(outcome.error));
        return;
      case 'fenced':
        throw this.#fenced();
      default:
        this.#warn(outcome);
        await this.#reload(writes);
    }
  }

  /** Makes up for a reload that failed. While it is needed no append is under way. */
  #readBack(): Promise<void> {
    return this.#reloading ?? this.#reload([]);
  }

  #reload(inDoubt: readonly WaitingWrite[]): Promise<void> {
    this.#mustReload = true;
    this.#reloading = this.#load(inDoubt).finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  /** Takes a new term, reads everything back, and tells each of the writes in doubt how it went. */
  async #load(inDoubt: readonly WaitingWrite[]): Promise<void> {
    const endBefore = this.#end;
    const found = new Set<string>();
    let loaded: LoadedDomain;
    try {
      loaded = await loadDomain(this.#options.log, this.#group, this.#options.termAtLeast, (index, entry) => {
        if (index > endBefore) found.add(entry.writeId);
      });
    } catch (cause) {
      throw new EngineError('outcome-unknown', `a write to ${this.#group} could not be read back`, {
        context: { domain: this.name },
        cause,
      });
    }
    this.#mustReload = false;
    this.#rows = loaded.rows;
    this.#term = loaded.term;
    this.#end = loaded.end;
    this.#tailBytes = loaded.tailBytes;
    for (const write of inDoubt) {
      if (found.has(write.writeId)) write.resolve();
      else write.reject(this.#notFound(loaded.first > endBefore + 1));
    }
  }

  /** Nothing under the old term can be written any more, so what is not there never will be; unless it was there and trimmed. */
  #notFound(trimmed: boolean): EngineError {
    const context = { domain: this.name };
    return trimmed
      ? new EngineError('outcome-unknown', `a write to ${this.#group} may be in the snapshot`, { context })
      : new EngineError('log-unavailable', `a write to ${this.#group} was not written`, { context });
  }

  async #snapshotWhenDue(): Promise<void> {
    if (this.#tailBytes <= Math.max(this.#snapshotAtBytes, this.#rows.bytes)) return;
    const { log } = this.#options;
    const bytes = encodeRowSnapshot(this.#rows.scan({}));
    let outcome = await log.saveSnapshot(this.#group, this.#term, { index: this.#end, bytes });
    if (outcome.status === 'committed') outcome = await log.trim(this.#group, this.#term, this.#end + 1);
    switch (outcome.status) {
      case 'committed':
        this.#tailBytes = 0;
        this.#snapshotAtBytes = this.#options.snapshotAfterBytes ?? 4 * 1024 * 1024;
        return;
      case 'refused':
        // Tried again when the tail has grown by half; the log keeps everything until then.
        this.#snapshotAtBytes = Math.ceil(this.#tailBytes * 1.5);
        this.#warn(outcome);
        return;
      case 'fenced':
        throw this.#fenced();
      default:
        this.#warn(outcome);
        await this.#reload([]);
    }
  }

  #warn(outcome: AppendOutcome | undefined): void {
    const error = outcome !== undefined && 'error' in outcome ? outcome.error.message : 'no outcome';
    this.#options.logger.warn(
      { domain: this.name, term: this.#term, outcome: outcome?.status, error },
      'the log did not do as the domain asked',
    );
  }

  /** Closes the domain for good and rejects whatever waits. */
  #fenced(): EngineError {
    const error = new EngineError('fenced-term', `another leader has taken ${this.#group}`, {
      context: { domain: this.name, term: this.#term },
    });
    this.#closedBy = error;
    for (const write of this.#queue) write.reject(error);
    this.#queue = [];
    this.#queueBytes = 0;
    return error;
  }
}
