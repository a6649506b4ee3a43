// The members of a group and what is counted about them: static ids, waiting joins, common protocols, memory. All changes of a
// member go through here, so that the counts are always right.

import type { ErrorCode } from '../base/error-table.ts';
import { joinError, syncAnswer } from './group-answers.ts';
import { type Answer, type Member, type MemberProtocol, memberBytes } from './group-member.ts';
import type { JoinGroupAnswer, SyncGroupAnswer } from './group-messages.ts';

export class Roster {
  leaderId: string | null = null;
  /** Members whose JoinGroup waits for an answer. */
  waitingJoins = 0;
  /** Memory of all members, about. */
  bytes = 0;
  readonly #members = new Map<string, Member>();
  readonly #byInstance = new Map<string, Member>();
  readonly #supporters = new Map<string, number>();

  get size(): number {
    return this.#members.size;
  }

  members(): IterableIterator<Member> {
    return this.#members.values();
  }

  get(id: string): Member | undefined {
    return this.#members.get(id);
  }

  byInstance(instanceId: string): Member | undefined {
    return this.#byInstance.get(instanceId);
  }

  /** Whether every member has the protocol. */
  supportedByAll(protocol: string): boolean {
    return this.#supporters.get(protocol) === this.#members.size;
  }

  /** Why a request with these ids is refused; the instance id decides first. */
  refusal(memberId: string, instanceId: string | null): ErrorCode | undefined {
    if (instanceId !== null) {
      const holder = this.#byInstance.get(instanceId);
      if (holder === undefined) return 'unknown-member-id';
      return holder.id === memberId ? undefined : 'fenced-instance-id';
    }
    return this.#members.has(memberId) ? undefined : 'unknown-member-id';
  }

  add(member: Member): void {
    this.#members.set(member.id, member);
    if (member.instanceId !== null) this.#byInstance.set(member.instanceId, member);
    this.#count(member.protocols, 1);
    this.bytes += memberBytes(member);
    this.leaderId ??= member.id;
  }

  /** The caller has answered what waits. */
  remove(member: Member): void {
    this.#members.delete(member.id);
    if (member.instanceId !== null) this.#byInstance.delete(member.instanceId);
    this.#count(member.protocols, -1);
    this.bytes -= memberBytes(member);
    if (this.leaderId === member.id) this.leaderId = this.#members.keys().next().value ?? null;
  }

  update(member: Member, change: Pick<Member, 'protocols' | 'rebalanceTimeoutMs' | 'sessionTimeoutMs'>): void {
    this.bytes -= memberBytes(member);
    this.#count(member.protocols, -1);
    member.protocols = change.protocols;
    member.rebalanceTimeoutMs = change.rebalanceTimeoutMs;
    member.sessionTimeoutMs = change.sessionTimeoutMs;
    this.#count(member.protocols, 1);
    this.bytes += memberBytes(member);
  }

  assign(member: Member, assignment: Buffer): void {
    this.bytes += assignment.length - member.assignment.length;
    member.assignment = assignment;
  }

  /** A static member came back under a new id. Whoever still waits under the old one is fenced. */
  rename(member: Member, newId: string): void {
    this.answerJoin(member, joinError('fenced-instance-id', member.id));
    this.answerSync(member, syncAnswer({ error: 'fenced-instance-id' }));
    this.#members.delete(member.id);
    if (this.leaderId === member.id) this.leaderId = newId;
    member.id = newId;
    this.#members.set(newId, member);
  }

  /** A repeated request takes the place of the one before, which is told to try again. */
  waitForJoin(member: Member, answer: Answer<JoinGroupAnswer>): void {
    this.answerJoin(member, joinError('rebalance-in-progress', member.id));
    member.waitingJoin = answer;
    this.waitingJoins++;
  }

  answerJoin(member: Member, answer: JoinGroupAnswer): boolean {
    const waiting = member.waitingJoin;
    if (waiting === undefined) return false;
    member.waitingJoin = undefined;
    this.waitingJoins--;
    waiting(answer);
    return true;
  }

  waitForSync(member: Member, answer: Answer<SyncGroupAnswer>): void {
    this.answerSync(member, syncAnswer({ error: 'rebalance-in-progress' }));
    member.waitingSync = answer;
  }

  answerSync(member: Member, answer: SyncGroupAnswer): boolean {
    const waiting = member.waitingSync;
    if (waiting === undefined) return false;
    member.waitingSync = undefined;
    waiting(answer);
    return true;
  }

  #count(protocols: readonly MemberProtocol[], by: number): void {
    // A name that a member lists twice counts once.
    for (const name of new Set(protocols.map((protocol) => protocol.name))) {
      const count = (this.#supporters.get(name) ?? 0) + by;
      if (count === 0) this.#supporters.delete(name);
      else this.#supporters.set(name, count);
    }
  }
}
