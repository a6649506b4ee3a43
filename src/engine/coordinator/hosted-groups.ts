// The groups this coordinator holds, each with its row in a domain, its deadline timer and its share of memory.
//
// - a group that has no members, hands out no ids and has no row is forgotten at once
// - a row is removed after the group's offsets, so that a crash in between leaves a group that can be deleted again
// What it refuses: more groups than configured; a group found in a domain that its id does not belong to.

import type { Clock, Timer } from '../base/clock.ts';
import type { ErrorCode } from '../base/error-table.ts';
import { EngineError, toEngineError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Domain, DomainChange, DomainRow } from '../domain/domain.ts';
import { type GroupConfig, groupIdBytesMax } from './group-config.ts';
import { GroupJournal } from './group-journal.ts';
import { domainOfGroup, groupIdOfKey, groupKey, groupKeyPrefix, offsetsPrefix } from './group-key-format.ts';
import { decodeGroupRow, encodeGroupRow, type GroupRow } from './group-row-format.ts';
import { type GroupPort, GroupState } from './group-state.ts';

const scanPageRows = 1000;

export interface HostedGroup {
  readonly state: GroupState;
  hasRow: boolean;
  /** Commits that are not durable yet; and how many there ever were, so that a sweep notices those in between. */
  commitsInFlight: number;
  commits: number;
  /** What `stats` counts this group with. */
  bytes: number;
  members: number;
  timer: { readonly dueMs: number; readonly handle: Timer } | undefined;
}

export interface HostedGroupsOptions {
  readonly domains: readonly Domain[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: () => GroupConfig;
}

export class HostedGroups implements GroupPort {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: () => GroupConfig;
  members = 0;
  memberBytes = 0;
  closed = false;
  readonly #domains: readonly { readonly domain: Domain; readonly journal: GroupJournal }[];
  readonly #groups = new Map<string, HostedGroup>();

  constructor(options: HostedGroupsOptions) {
    if (options.domains.length === 0) throw new EngineError('bug', 'a coordinator needs at least one domain');
    this.clock = options.clock;
    this.logger = options.logger;
    this.config = options.config;
    this.#domains = options.domains.map((domain) => ({ domain, journal: new GroupJournal(domain) }));
  }

  get size(): number {
    return this.#groups.size;
  }

  all(): HostedGroup[] {
    return [...this.#groups.values()];
  }

  get(id: string): HostedGroup | undefined {
    return this.#groups.get(id);
  }

  /** The group, made when it is not there yet; or why it cannot be. */
  getOrCreate(id: string): HostedGroup | ErrorCode {
    const found = this.#groups.get(id);
    if (found !== undefined) return found;
    if (Buffer.byteLength(id) > groupIdBytesMax) return 'invalid-group-id';
    if (this.#groups.size >= this.config().groupsMax) {
      this.logger.warn({ groups: this.#groups.size }, 'a consumer group was refused: there are as many as are allowed');
      return 'too-many-groups';
    }
    return this.#host(new GroupState(id, this), false);
  }

  #host(state: GroupState, hasRow: boolean): HostedGroup {
    const group: HostedGroup = {
      state,
      hasRow,
      commitsInFlight: 0,
      commits: 0,
      bytes: 0,
      members: 0,
      timer: undefined,
    };
    this.#groups.set(state.id, group);
    return group;
  }

  // ── rows ──

  /** Reads all groups. */
  async load(): Promise<void> {
    for (const [index, { domain }] of this.#domains.entries()) {
      for await (const row of rowsOf(domain, groupKeyPrefix)) {
        const id = groupIdOfKey(row.key);
        if (domainOfGroup(id, this.#domains.length) !== index) {
          throw new EngineError(
            'corrupt-log',
            `group ${id} is in ${domain.name}: the number of group domains has changed`,
            {
              context: { group: id, domain: domain.name, domains: this.#domains.length },
            },
          );
        }
        this.settle(this.#host(GroupState.restore(id, decodeGroupRow(row.value, row.key), this), true));
      }
    }
  }

  domainOf(id: string): Domain {
    return this.#placeOf(id).domain;
  }

  #placeOf(id: string): { readonly domain: Domain; readonly journal: GroupJournal } {
    return this.#domains[domainOfGroup(id, this.#domains.length)]!;
  }

  /** Resolves when the changes are durable; they are queued before the call returns. */
  async write(id: string, changes: readonly DomainChange[]): Promise<void> {
    await this.#placeOf(id).journal.write(changes, this.config().pendingWriteBytesMax);
  }

  /** Committed offsets of a group, or all rows of its domain under the prefix, in key order. */
  offsetRows(id: string, prefix = offsetsPrefix(id)): AsyncIterable<DomainRow> {
    return rowsOf(this.domainOf(id), prefix);
  }

  rowChange(group: HostedGroup): DomainChange {
    return { key: groupKey(group.state.id), value: encodeGroupRow(group.state.row()) };
  }

  persist(state: GroupState, row: GroupRow, done: (error: ErrorCode | undefined) => void): void {
    const group = this.#groups.get(state.id);
    const finish = (error: ErrorCode | undefined) => {
      if (error === undefined && group !== undefined) group.hasRow = true;
      if (this.closed || state.phase === 'Dead') return;
      done(error);
      if (group !== undefined) this.settle(group);
    };
    this.write(state.id, [{ key: groupKey(state.id), value: encodeGroupRow(row) }]).then(
      () => finish(undefined),
      (error) => finish(this.writeFailure(state.id, error)),
    );
  }

  /** The code that clients are told: they find the coordinator again and retry, unless a row can never be written. */
  writeFailure(id: string, error: unknown): ErrorCode {
    const { code, message } = toEngineError(error);
    this.logger.warn({ group: id, code, message }, 'rows of a group were not written');
    return code === 'entry-too-large' ? 'group-max-size' : 'coordinator-not-available';
  }

  /** Deletes a group without members, with all its rows. */
  async remove(group: HostedGroup): Promise<ErrorCode | undefined> {
    const { state } = group;
    if (state.phase === 'Dead') return 'group-not-found';
    if (state.phase !== 'Empty') return 'non-empty-group';
    // Nobody may join or commit from here on; what was committed before has to be seen by the scan.
    state.phase = 'Dead';
    try {
      await this.#placeOf(state.id).journal.settled();
      const changes: DomainChange[] = [];
      for await (const row of this.offsetRows(state.id)) changes.push({ key: row.key, value: undefined });
      if (group.hasRow) changes.push({ key: groupKey(state.id), value: undefined });
      await this.write(state.id, changes);
    } catch (error) {
      if (!this.closed) state.phase = 'Empty';
      return this.writeFailure(state.id, error);
    }
    this.#forget(group);
    return undefined;
  }

  #forget(group: HostedGroup): void {
    group.timer?.handle.cancel();
    group.timer = undefined;
    group.state.close('coordinator-not-available');
    this.#account(group, 0, 0);
    this.#groups.delete(group.state.id);
  }

  // ── after every change ──

  /** Takes note of what a call has changed: memory, the next deadline, and whether the group is needed at all. */
  settle(group: HostedGroup): void {
    const { state } = group;
    if (this.closed || this.#groups.get(state.id) !== group) return;
    const inUse = state.phase !== 'Empty' || state.pendingIds.size > 0 || group.commitsInFlight > 0 || group.hasRow;
    if (!inUse && state.generation === 0) {
      this.#forget(group);
      return;
    }
    this.#account(group, state.roster.size, state.roster.bytes);
    const dueMs = state.soonestMs;
    if (group.timer !== undefined && group.timer.dueMs <= dueMs) return;
    group.timer?.handle.cancel();
    group.timer = undefined;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(Math.max(dueMs - this.clock.monotonicMs(), 0), timerDelayMsMax);
    group.timer = { dueMs, handle: this.clock.after(delayMs, () => this.#expire(group)) };
  }

  #expire(group: HostedGroup): void {
    group.timer = undefined;
    if (this.closed || group.state.phase === 'Dead') return;
    group.state.expire();
    this.settle(group);
  }

  #account(group: HostedGroup, members: number, bytes: number): void {
    this.members += members - group.members;
    this.memberBytes += bytes - group.bytes;
    group.members = members;
    group.bytes = bytes;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    for (const group of this.#groups.values()) {
      group.timer?.handle.cancel();
      group.state.close('coordinator-not-available');
    }
    this.closed = true;
    for (const { journal } of this.#domains) await journal.settled();
  }
}

/** What a timer of Node takes. */
const timerDelayMsMax = 2 ** 31 - 1;

async function* rowsOf(domain: Domain, prefix: string): AsyncIterable<DomainRow> {
  let after: string | undefined;
  for (;;) {
    const rows = await domain.scan({ prefix, limit: scanPageRows, ...(after === undefined ? {} : { after }) });
    yield* rows;
    if (rows.length < scanPageRows) return;
    after = rows.at(-1)!.key;
  }
}
