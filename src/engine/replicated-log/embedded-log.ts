// The replicated log of a single node: LMDB in the data directory.
//
// - Calls that are made while a transaction is being flushed share the next one, whatever their groups: one flush for all.
// - What resolved `committed` is on disk. A full disk or a full map refuses, and passes by itself when there is room;
//   a flush that fails otherwise calls `onFatal`, which must end the process.
// - Every stored value carries a CRC32C of its key and its bytes; a mismatch is `corrupt-log`, with group and index.
// - The directory is used by one process at a time; data-directory-lock.ts sees to that.
// Format: docs/formats/replicated-log.md.

import { EngineError } from '../base/errors.ts';
import { type Term, term } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import { appendOperation, type EmbeddedLogCore, groupOperation } from './embedded-append.ts';
import { corruptLog, decodeEntry, decodeMeta, encodeMeta, entryKey, metaKey } from './embedded-log-format.ts';
import { cleanUp, openGroups, putSnapshot, removeGroup, trimStep } from './embedded-operations.ts';
import { EmbeddedState, loadSnapshot, pendingRemovals } from './embedded-state.ts';
import { GroupCommit } from './group-commit.ts';
import { belowFirst, checkGroupName, groupNameBytesMax, refused } from './group-rules.ts';
import { damageOr, LmdbEnvironment } from './lmdb-environment.ts';
import type {
  AppendOutcome,
  GroupAppend,
  LogEntry,
  LogSnapshot,
  OpenedGroup,
  ReplicatedLog,
} from './replicated-log.ts';

export interface EmbeddedLogOptions {
  /** LMDB's own directory: `<data-dir>/log`. Made when missing. */
  readonly directory: string;
  /** Appends are refused while the log holds more than this; 8 GiB where not given. */
  readonly mapBytesMax?: number;
  readonly random: Random;
  /** A flush failed. Must end the process: what the disk holds is not known any more. */
  readonly onFatal: (error: Error) => void;
}

const mapBytesMaxDefault = 8 * 1024 ** 3;

export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  const mapBytesMax = options.mapBytesMax ?? mapBytesMaxDefault;
  const environment = new LmdbEnvironment(options.directory, mapBytesMax * 2);
  try {
    const state = await EmbeddedState.load(environment, options.random);
    const log = new EmbeddedLog(environment, state, mapBytesMax, options.onFatal);
    for (const removal of pendingRemovals(environment)) await log.finishRemoval(removal);
    return log;
  } catch (error) {
    await environment.close();
    throw damageOr(error);
  }
}

export class EmbeddedLog implements ReplicatedLog {
  readonly #environment: LmdbEnvironment;
  readonly #core: EmbeddedLogCore;
  #closed = false;

  constructor(
    environment: LmdbEnvironment,
    state: EmbeddedState,
    mapBytesMax: number,
    onFatal: (error: Error) => void,
  ) {
    this.#environment = environment;
    const commit = new GroupCommit({
      commit: (bytes, change) => environment.commit(bytes, change),
      onFatal,
    });
    this.#core = { environment, state, commit, mapBytesMax, liveBytes: environment.liveBytes(), sinceMeasured: 0 };
  }

  get identity(): string {
    return this.#core.state.identity;
  }

  /** For metrics and tests: how many transactions were flushed. */
  get transactions(): number {
    return this.#core.commit.transactions;
  }

  /** For metrics: bytes the log holds, against its limit. */
  usage(): { readonly liveBytes: number; readonly mapBytesMax: number } {
    return { liveBytes: this.#environment.liveBytes(), mapBytesMax: this.#core.mapBytesMax };
  }

  async open(groups: readonly string[], atLeast: Term = term(0)): Promise<OpenedGroup[]> {
    this.#assertOpen();
    for (const group of groups) checkGroupName(group);
    const opened = await openGroups(this.#core, groups, atLeast);
    return opened.map((head) => {
      const group = this.#core.state.groups.get(head.group);
      return { ...head, snapshot: group === undefined ? undefined : loadSnapshot(this.#environment, group) };
    });
  }

  async append(appends: readonly GroupAppend[]): Promise<AppendOutcome[]> {
    if (this.#closed) return appends.map(() => refused(this.#closedError()));
    return new Promise((resolve) => {
      const outcomes = new Array<AppendOutcome>(appends.length);
      let left = appends.length;
      if (left === 0) resolve(outcomes);
      for (const [at, append] of appends.entries()) {
        const settle = (outcome: AppendOutcome) => {
          outcomes[at] = outcome;
          left -= 1;
          if (left === 0) resolve(outcomes);
        };
        this.#core.commit.issue(appendOperation(this.#core, append, settle));
      }
    });
  }

  async read(group: string, from: number, bytesMax: number): Promise<LogEntry[]> {
    this.#assertOpen();
    const head = this.#core.state.groups.get(group);
    if (head === undefined) return [];
    if (from < head.first) throw belowFirst(group, from, head.first);
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (let index = from; index <= head.durableEnd; index++) {
      const key = entryKey(head.number, index);
      const value = this.#environment.get(key);
      if (value === undefined) throw corruptLog(`entry ${index} of ${group} is missing`, { group, index });
      const entry = decodeEntry(group, key, value);
      bytes += entry.bytes.length;
      if (bytes > bytesMax && entries.length > 0) break;
      entries.push({ index, term: term(entry.term), bytes: entry.bytes });
      if (bytes >= bytesMax) break;
    }
    return entries;
  }

  async saveSnapshot(group: string, of: Term, snapshot: LogSnapshot): Promise<AppendOutcome> {
    if (this.#closed) return refused(this.#closedError());
    return putSnapshot(this.#core, group, of, snapshot);
  }

  async trim(group: string, of: Term, first: number): Promise<AppendOutcome> {
    for (;;) {
      if (this.#closed) return refused(this.#closedError());
      const outcome = await trimStep(this.#core, group, of, first);
      const head = this.#core.state.groups.get(group);
      if (outcome.status !== 'committed' || head === undefined || head.first >= first) return outcome;
    }
  }

  async remove(groups: readonly string[]): Promise<void> {
    this.#assertOpen();
    await Promise.all(
      groups.map(async (group) => {
        const removal = await removeGroup(this.#core, group);
        if (removal !== undefined) await this.finishRemoval(removal);
      }),
    );
  }

  /** Deletes what a removed group leaves behind, in steps that other calls can go between. */
  async finishRemoval(removal: { group: number; first: number; end: number }): Promise<void> {
    for (let from = removal.first; ; ) {
      const next = await cleanUp(this.#core, removal.group, from, removal.end);
      if (next === undefined) return;
      from = next;
    }
  }

  async groups(prefix: string): Promise<string[]> {
    this.#assertOpen();
    const names = [...this.#core.state.groups.keys()].filter((name) => name.startsWith(prefix));
    return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  async readMeta(key: string): Promise<string | undefined> {
    this.#assertOpen();
    const bytes = this.#metaKey(key);
    const value = this.#environment.get(bytes);
    return value === undefined ? undefined : decodeMeta(bytes, value);
  }

  async writeMeta(key: string, value: string | undefined): Promise<void> {
    this.#assertOpen();
    const bytes = this.#metaKey(key);
    const stored = value === undefined ? undefined : encodeMeta(bytes, value);
    await groupOperation(this.#core, {
      bytes: stored?.length ?? 0,
      stage: () => true,
      write: () => {
        if (stored === undefined) this.#environment.database.remove(bytes);
        else this.#environment.database.put(bytes, stored);
      },
    });
  }

  /** Flushes what was issued before, then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#core.commit.stop();
    await this.#environment.close();
  }

  #metaKey(key: string): Buffer {
    const bytes = metaKey(key);
    if (bytes.length < 2 || bytes.length > groupNameBytesMax) throw new EngineError('usage', `not a setting: "${key}"`);
    return bytes;
  }

  #closedError(): EngineError {
    return new EngineError('log-unavailable', 'the log is closed');
  }

  #assertOpen(): void {
    if (this.#closed) throw this.#closedError();
  }
}
