// One group: who is in it, in which generation, and the course of a rebalance. A state machine without time and effects of its
// own: the clock and the way to make a row durable are passed in, and `expire` is called when `soonestMs` has come.
//
//   Empty ─ join ─► PreparingRebalance ─ all joined, or time is up ─► CompletingRebalance ─ leader's sync is durable ─► Stable
//                          ▲                                                  │                                          │
//                          └──────── a member joins anew, changes, leaves or falls silent ◄─────────────────────────────┘
//   PreparingRebalance ─ nobody is left ─► Empty ─ deleted or expired ─► Dead
//
// Invariants:
// - `generation` grows by one when a rebalance completes, and never otherwise
// - a group with members has a leader, and the leader is a member
// - every waiting request of a member is answered: when the rebalance goes on, or when the member leaves or is replaced
// The rules of the single requests are in group-join.ts, group-sync.ts and group-leave.ts.

import type { Clock } from '../base/clock.ts';
import type { ErrorCode } from '../base/error-table.ts';
import type { Logger } from '../base/logger.ts';
import { consumerProtocolType, subscribedTopicsOf } from './consumer-subscription-format.ts';
import { joinAnswer, joinError, syncAnswer } from './group-answers.ts';
import type { GroupConfig } from './group-config.ts';
import { type Answer, type Member, metadataOf, mustBeHeard, noBytes } from './group-member.ts';
import type { JoinGroupAnswer } from './group-messages.ts';
import { Roster } from './group-roster.ts';
import type { GroupRow } from './group-row-format.ts';
import { chooseProtocol, electLeader, furtherInitialDelay, rebalanceTimeoutMs } from './rebalance-policy.ts';

export type GroupPhase = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

/** What a group needs of the world. */
export interface GroupPort {
  readonly clock: Clock;
  readonly logger: Logger;
  config(): GroupConfig;
  /** Makes the row durable; `done` is called later, never before this returns, with the error where it failed. */
  persist(group: GroupState, row: GroupRow, done: (error: ErrorCode | undefined) => void): void;
}

interface Rebalance {
  deadlineMs: number;
  /** Set while an empty group waits for its first members: then it does not end early. */
  initial: { delayMs: number; remainingMs: number } | undefined;
  /** A member was added since the initial wait began (anew). */
  grew: boolean;
}

export class GroupState {
  readonly id: string;
  readonly port: GroupPort;
  readonly roster = new Roster();
  phase: GroupPhase = 'Empty';
  generation = 0;
  protocolType: string | null = null;
  protocolName: string | null = null;
  stateSinceMs: number;
  /** Ids that were handed out (JoinGroup v4 and newer) and have not joined yet, with the time they are forgotten. */
  readonly pendingIds = new Map<string, number>();
  /** Members of this generation that have not sent SyncGroup yet. */
  readonly awaitedSyncs = new Set<string>();
  /** The generation whose assignment is being made durable. */
  storingGeneration = -1;
  /** No deadline is before this; there may be none at it any more. */
  soonestMs = Number.POSITIVE_INFINITY;
  #rebalance: Rebalance | undefined;
  #syncDeadlineMs: number | undefined;

  constructor(id: string, port: GroupPort) {
    this.id = id;
    this.port = port;
    this.stateSinceMs = port.clock.nowMs();
  }

  /** A group as it was when its row was written; its members have a whole session from now on. */
  static restore(id: string, row: GroupRow, port: GroupPort): GroupState {
    const group = new GroupState(id, port);
    group.generation = row.generation;
    group.protocolType = row.protocolType;
    group.protocolName = row.protocolName;
    group.stateSinceMs = row.stateSinceMs;
    for (const { memberId, metadata, ...rest } of row.members) {
      const member: Member = {
        ...rest,
        id: memberId,
        protocols: [{ name: row.protocolName ?? '', metadata }],
        isNew: false,
        deadlineMs: 0,
        waitingJoin: undefined,
        waitingSync: undefined,
      };
      group.roster.add(member);
      group.touch(member);
    }
    group.roster.leaderId = row.leaderId;
    group.phase = row.members.length === 0 ? 'Empty' : 'Stable';
    return group;
  }

  /** The row of the group as it is, or as it will be with these assignments. */
  row(assignments?: ReadonlyMap<string, Buffer>): GroupRow {
    return {
      generation: this.generation,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      leaderId: this.roster.leaderId,
      stateSinceMs: this.stateSinceMs,
      members: [...this.roster.members()].map((member) => ({
        memberId: member.id,
        instanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        sessionTimeoutMs: member.sessionTimeoutMs,
        metadata: metadataOf(member, this.protocolName),
        assignment: assignments === undefined ? member.assignment : (assignments.get(member.id) ?? noBytes),
      })),
    };
  }

  enter(phase: GroupPhase): void {
    this.phase = phase;
    this.stateSinceMs = this.port.clock.nowMs();
  }

  /** Topics that members of a consumer group read; undefined where that cannot be known. */
  subscribedTopics(): ReadonlySet<string> | undefined {
    if (this.roster.size === 0) return this.protocolType === null ? undefined : new Set();
    if (this.protocolType !== consumerProtocolType || this.protocolName === null) return undefined;
    const topics = new Set<string>();
    for (const member of this.roster.members()) {
      const subscribed = subscribedTopicsOf(metadataOf(member, this.protocolName));
      if (subscribed === undefined) return undefined;
      for (const topic of subscribed) topics.add(topic);
    }
    return topics;
  }

  // ── deadlines ──

  /** The member was heard of: its session begins anew. */
  touch(member: Member, timeoutMs = member.sessionTimeoutMs): void {
    member.deadlineMs = this.due(timeoutMs);
  }

  /** The monotonic time `afterMs` from now, noted as a deadline. */
  due(afterMs: number): number {
    const deadlineMs = this.port.clock.monotonicMs() + afterMs;
    if (deadlineMs < this.soonestMs) this.soonestMs = deadlineMs;
    return deadlineMs;
  }

  /** Does what has fallen due. */
  expire(): void {
    const nowMs = this.port.clock.monotonicMs();
    for (const [id, deadlineMs] of [...this.pendingIds]) {
      if (deadlineMs <= nowMs) this.forgetPending(id);
    }
    for (const member of [...this.roster.members()]) {
      // A removal can end the rebalance, and with it change the members after this one.
      if (this.roster.get(member.id) !== member || member.deadlineMs > nowMs || !mustBeHeard(member)) continue;
      this.removeAndRebalance(member, 'its session timed out');
    }
    if (this.#rebalance !== undefined && this.#rebalance.deadlineMs <= nowMs) this.#endRebalanceWait();
    if (this.#syncDeadlineMs !== undefined && this.#syncDeadlineMs <= nowMs) this.#expireSyncs();
    this.soonestMs = this.#soonest();
  }

  #soonest(): number {
    const never = Number.POSITIVE_INFINITY;
    let soonest = Math.min(this.#rebalance?.deadlineMs ?? never, this.#syncDeadlineMs ?? never);
    for (const deadlineMs of this.pendingIds.values()) soonest = Math.min(soonest, deadlineMs);
    for (const member of this.roster.members()) {
      if (mustBeHeard(member)) soonest = Math.min(soonest, member.deadlineMs);
    }
    return soonest;
  }

  forgetPending(memberId: string): void {
    if (this.pendingIds.delete(memberId)) this.tryCompleteJoin();
  }

  // ── members come and go ──

  /** Adds a member that waits for the next generation, and starts the rebalance that lets it in. */
  addAndRebalance(member: Member, protocolType: string, answer: Answer<JoinGroupAnswer>, timeoutMs: number): void {
    if (this.#rebalance !== undefined && this.generation === 0) this.#rebalance.grew = true;
    if (this.roster.size === 0) this.protocolType = protocolType;
    this.pendingIds.delete(member.id);
    this.roster.add(member);
    this.roster.waitForJoin(member, answer);
    this.touch(member, timeoutMs);
    this.maybeRebalance(`${member.id} joins`);
  }

  removeAndRebalance(member: Member, why: string): void {
    this.#dismiss(member);
    if (this.phase === 'Stable' || this.phase === 'CompletingRebalance') this.rebalance(`${member.id} leaves: ${why}`);
    else this.tryCompleteJoin();
  }

  /** Its waiting requests are told that it is no member, so that a client that lives joins again. */
  #dismiss(member: Member): void {
    this.roster.answerJoin(member, joinError('unknown-member-id'));
    this.roster.answerSync(member, syncAnswer({ error: 'unknown-member-id' }));
    this.roster.remove(member);
    this.awaitedSyncs.delete(member.id);
  }

  // ── the rebalance ──

  maybeRebalance(why: string): void {
    if (this.phase === 'Empty' || this.phase === 'Stable' || this.phase === 'CompletingRebalance') this.rebalance(why);
    else this.tryCompleteJoin();
  }

  rebalance(why: string): void {
    if (this.phase === 'CompletingRebalance') this.dropAssignments('rebalance-in-progress');
    this.awaitedSyncs.clear();
    this.#syncDeadlineMs = undefined;
    const longestMs = rebalanceTimeoutMs(this.roster.members());
    if (this.phase === 'Empty') {
      const delayMs = this.port.config().initialRebalanceDelayMs;
      const initial = { delayMs, remainingMs: Math.max(longestMs - delayMs, 0) };
      this.#rebalance = { deadlineMs: this.due(delayMs), initial, grew: false };
    } else {
      this.#rebalance = { deadlineMs: this.due(longestMs), initial: undefined, grew: false };
    }
    this.enter('PreparingRebalance');
    this.port.logger.info(
      { group: this.id, generation: this.generation, members: this.roster.size },
      `rebalance: ${why}`,
    );
    if (this.#rebalance.initial?.delayMs === 0) this.#endRebalanceWait();
    else this.tryCompleteJoin();
  }

  /** Completes the rebalance when there is nobody left to wait for. */
  tryCompleteJoin(): void {
    if (this.#rebalance === undefined || this.#rebalance.initial !== undefined) return;
    if (this.roster.waitingJoins === this.roster.size && this.pendingIds.size === 0) this.#completeJoin();
  }

  #endRebalanceWait(): void {
    const rebalance = this.#rebalance;
    if (rebalance === undefined) return;
    if (rebalance.initial !== undefined) {
      const further = furtherInitialDelay(rebalance.initial, rebalance.grew);
      if (further !== undefined) {
        this.#rebalance = { deadlineMs: this.due(further.delayMs), initial: further, grew: false };
        return;
      }
    }
    this.#completeJoin();
  }

  /** Time is up, or all are there: whoever has joined makes up the next generation. Static members stay in any case. */
  #completeJoin(): void {
    for (const member of [...this.roster.members()]) {
      if (member.waitingJoin === undefined && member.instanceId === null) this.#dismiss(member);
    }
    const leaderId = electLeader(this.roster.leaderId, this.roster.members());
    if (leaderId === undefined && this.roster.size > 0) {
      // Only static members are left and none has come back. Their sessions decide; until then there is nobody to lead.
      const deadlineMs = this.due(Math.max(rebalanceTimeoutMs(this.roster.members()), 1));
      this.#rebalance = { deadlineMs, initial: undefined, grew: false };
      return;
    }
    this.#rebalance = undefined;
    this.generation++;
    this.awaitedSyncs.clear();
    if (leaderId === undefined) {
      this.protocolName = null;
      this.enter('Empty');
      this.#persistEmpty();
      return;
    }
    this.roster.leaderId = leaderId;
    this.protocolName = this.chooseProtocol();
    this.enter('CompletingRebalance');
    this.#syncDeadlineMs = this.due(rebalanceTimeoutMs(this.roster.members()));
    for (const member of this.roster.members()) {
      member.isNew = false;
      this.awaitedSyncs.add(member.id);
      this.touch(member);
      this.roster.answerJoin(member, joinAnswer(this, member));
    }
  }

  /** What the present members would choose. */
  chooseProtocol(): string | null {
    return chooseProtocol([...this.roster.members()]) ?? null;
  }

  #persistEmpty(): void {
    this.port.persist(this, this.row(), (error) => {
      // Nobody waits for it. Until a later row is durable, a restart would bring members back whose sessions then time out.
      if (error !== undefined)
        this.port.logger.warn({ group: this.id, error }, 'the row of an empty group was not written');
    });
  }

  #expireSyncs(): void {
    this.#syncDeadlineMs = undefined;
    if (this.awaitedSyncs.size === 0 || (this.phase !== 'CompletingRebalance' && this.phase !== 'Stable')) return;
    for (const id of [...this.awaitedSyncs]) {
      const member = this.roster.get(id);
      if (member !== undefined) this.#dismiss(member);
    }
    this.rebalance('members did not send SyncGroup in time');
  }

  /** A member has sent SyncGroup. */
  synced(memberId: string): void {
    this.awaitedSyncs.delete(memberId);
    if (this.awaitedSyncs.size === 0) this.#syncDeadlineMs = undefined;
  }

  takeAssignments(assignments: ReadonlyMap<string, Buffer>): void {
    for (const member of this.roster.members()) this.roster.assign(member, assignments.get(member.id) ?? noBytes);
    this.enter('Stable');
    this.#answerSyncs(undefined);
  }

  dropAssignments(error: ErrorCode): void {
    for (const member of this.roster.members()) this.roster.assign(member, noBytes);
    this.#answerSyncs(error);
  }

  #answerSyncs(error: ErrorCode | undefined): void {
    const { protocolType, protocolName } = this;
    for (const member of this.roster.members()) {
      const { assignment } = member;
      const answer = syncAnswer(error === undefined ? { protocolType, protocolName, assignment } : { error });
      // While it waited its session did not count; now it does again.
      if (this.roster.answerSync(member, answer)) this.touch(member);
    }
  }

  /** Answers everything that waits; nothing is to be done with the group afterwards. */
  close(error: ErrorCode): void {
    for (const member of this.roster.members()) {
      this.roster.answerJoin(member, joinError(error));
      this.roster.answerSync(member, syncAnswer({ error }));
    }
    this.#rebalance = undefined;
    this.#syncDeadlineMs = undefined;
    this.soonestMs = Number.POSITIVE_INFINITY;
    this.phase = 'Dead';
  }
}
