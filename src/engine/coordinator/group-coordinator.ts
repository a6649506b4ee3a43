// The coordinator behind its front door: finds the group of a request, lets the group's rules decide, and sees to what the
// decision has changed. Requests act on their group before the call returns, so they act in the order of the calls.

import type { ErrorCode } from '../base/error-table.ts';
import { EngineError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { Coordinator, CoordinatorOptions, GroupCaller } from './coordinator.ts';
import { joinError, kafkaCodeOf, syncAnswer } from './group-answers.ts';
import { type Joining, join } from './group-join.ts';
import { leave } from './group-leave.ts';
import { metadataOf, noBytes } from './group-member.ts';
import type {
  DeletedGroup,
  DescribedGroup,
  HeartbeatRequest,
  JoinGroupAnswer,
  JoinGroupRequest,
  LeaveGroupAnswer,
  LeavingMember,
  ListedGroup,
  OffsetCommitRequest,
  OffsetCommitTopicAnswer,
  OffsetDeleteAnswer,
  OffsetFetchGroupAnswer,
  OffsetFetchGroupRequest,
  OffsetTopicPartitions,
  SyncGroupAnswer,
  SyncGroupRequest,
} from './group-messages.ts';
import { GroupOffsets, refuseCommit } from './group-offsets.ts';
import { heartbeat, sync } from './group-sync.ts';
import { type HostedGroup, HostedGroups } from './hosted-groups.ts';
import { startRetentionLoop } from './retention-loop.ts';

const classic = 'classic';

export class GroupCoordinator implements Coordinator {
  readonly #groups: HostedGroups;
  readonly #offsets: GroupOffsets;
  readonly #random: Random;
  #retention: AsyncDisposable | undefined;

  private constructor(options: CoordinatorOptions) {
    this.#groups = new HostedGroups(options);
    this.#offsets = new GroupOffsets(this.#groups, options.topics);
    this.#random = options.random;
  }

  static async open(options: CoordinatorOptions): Promise<GroupCoordinator> {
    const coordinator = new GroupCoordinator(options);
    await coordinator.#groups.load();
    coordinator.#retention = startRetentionLoop({
      clock: options.clock,
      logger: options.logger,
      intervalMs: () => options.config().offsetsRetentionCheckIntervalMs,
      expire: () => coordinator.expireOffsets(),
    });
    return coordinator;
  }

  get stats(): Coordinator['stats'] {
    return { groups: this.#groups.size, members: this.#groups.members, memberBytes: this.#groups.memberBytes };
  }

  // ── membership ──

  joinGroup(request: JoinGroupRequest, caller: GroupCaller): Promise<JoinGroupAnswer> {
    return new Promise((resolve) => {
      const group = this.#groupToJoin(request);
      if (typeof group === 'string') {
        resolve(joinError(group, request.memberId));
        return;
      }
      const answer = join(group.state, joining(request, caller), this.#random, resolve);
      this.#groups.settle(group);
      if (answer !== undefined) resolve(answer);
    });
  }

  #groupToJoin(request: JoinGroupRequest): HostedGroup | ErrorCode {
    const refusal = this.#joinRefusal(request);
    if (refusal !== undefined) return refusal;
    // A member with an id comes back to a group; where there is none, it has to begin anew.
    if (request.memberId !== '') return this.#groups.get(request.groupId) ?? 'unknown-member-id';
    return this.#groups.getOrCreate(request.groupId);
  }

  #joinRefusal(request: JoinGroupRequest): ErrorCode | undefined {
    const { sessionTimeoutMsMin, sessionTimeoutMsMax, memberBytesMax } = this.#groups.config();
    const refusal = this.#refusal(request.groupId);
    if (refusal !== undefined) return refusal;
    const { sessionTimeoutMs } = request;
    if (sessionTimeoutMs < sessionTimeoutMsMin || sessionTimeoutMs > sessionTimeoutMsMax)
      return 'invalid-session-timeout';
    const bytes = request.protocols.reduce((sum, { name, metadata }) => sum + name.length + metadata.length, 0);
    return this.#groups.memberBytes + bytes > memberBytesMax ? 'group-max-size' : undefined;
  }

  syncGroup(request: SyncGroupRequest, _caller: GroupCaller): Promise<SyncGroupAnswer> {
    return new Promise((resolve) => {
      const refusal = this.#refusal(request.groupId);
      const group = this.#groups.get(request.groupId);
      if (refusal !== undefined || group === undefined) {
        resolve(syncAnswer({ error: refusal ?? 'unknown-member-id' }));
        return;
      }
      const answer = sync(group.state, request, resolve);
      this.#groups.settle(group);
      if (answer !== undefined) resolve(answer);
    });
  }

  heartbeat(request: HeartbeatRequest): { readonly errorCode: number } {
    const group = this.#groups.get(request.groupId);
    const refusal = this.#refusal(request.groupId) ?? (group === undefined ? 'unknown-member-id' : undefined);
    if (refusal !== undefined || group === undefined) return { errorCode: kafkaCodeOf(refusal) };
    const errorCode = kafkaCodeOf(heartbeat(group.state, request));
    this.#groups.settle(group);
    return { errorCode };
  }

  leaveGroup(groupId: string, members: readonly LeavingMember[]): LeaveGroupAnswer {
    const refusal = this.#refusal(groupId);
    if (refusal !== undefined) return { errorCode: kafkaCodeOf(refusal), members: [] };
    const group = this.#groups.get(groupId);
    if (group === undefined) {
      const errorCode = kafkaCodeOf('unknown-member-id');
      return { errorCode: 0, members: members.map((member) => ({ ...member, errorCode })) };
    }
    if (group.state.phase === 'Dead') return { errorCode: kafkaCodeOf('coordinator-not-available'), members: [] };
    const answers = leave(group.state, members);
    this.#groups.settle(group);
    return { errorCode: 0, members: answers };
  }

  /** Requests of members need a group id; offsets may be kept under an empty one, as in Kafka. */
  #refusal(groupId: string): ErrorCode | undefined {
    if (this.#groups.closed) return 'coordinator-not-available';
    return groupId === '' ? 'invalid-group-id' : undefined;
  }

  // ── offsets ──

  async offsetCommit(request: OffsetCommitRequest, caller: GroupCaller): Promise<OffsetCommitTopicAnswer[]> {
    if (this.#groups.closed) return refuseCommit(request, 'coordinator-not-available');
    let group = this.#groups.get(request.groupId);
    if (group === undefined) {
      // Only a consumer that manages its partitions itself may bring a group into being by a commit.
      if (request.generationId >= 0) {
        return refuseCommit(request, caller.apiVersion >= 9 ? 'group-not-found' : 'illegal-generation');
      }
      const created = this.#groups.getOrCreate(request.groupId);
      if (typeof created === 'string') return refuseCommit(request, created);
      group = created;
    }
    try {
      return await this.#offsets.commit(group, request);
    } finally {
      this.#groups.settle(group);
    }
  }

  async offsetFetch(request: OffsetFetchGroupRequest): Promise<OffsetFetchGroupAnswer> {
    if (this.#groups.closed) {
      return { groupId: request.groupId, errorCode: kafkaCodeOf('coordinator-not-available'), topics: [] };
    }
    return await this.#offsets.fetch(this.#groups.get(request.groupId), request);
  }

  async offsetDelete(groupId: string, topics: readonly OffsetTopicPartitions[]): Promise<OffsetDeleteAnswer> {
    if (this.#groups.closed) return { errorCode: kafkaCodeOf('coordinator-not-available'), topics: [] };
    return await this.#offsets.delete(this.#groups.get(groupId), topics);
  }

  async expireOffsets(): Promise<{ readonly offsets: number; readonly groups: number }> {
    let offsets = 0;
    let groups = 0;
    for (const group of this.#groups.all()) {
      if (this.#groups.closed) break;
      const outcome = await this.#offsets.expire(group);
      if (outcome === undefined) continue;
      offsets += outcome.deleted;
      if (outcome.kept > 0 || group.state.phase !== 'Empty' || group.state.pendingIds.size > 0) continue;
      if (group.commitsInFlight === 0 && (await this.#groups.remove(group)) === undefined) groups++;
    }
    return { offsets, groups };
  }

  // ── administration ──

  describeGroup(groupId: string): DescribedGroup {
    const state = this.#groups.get(groupId)?.state;
    if (this.#groups.closed || state === undefined || state.phase === 'Dead') {
      const code = this.#groups.closed ? 'coordinator-not-available' : 'group-not-found';
      return {
        errorCode: kafkaCodeOf(code),
        errorMessage: this.#groups.closed ? 'The broker is stopping.' : `Group ${groupId} not found.`,
        groupId,
        groupState: 'Dead',
        protocolType: '',
        protocolData: '',
        members: [],
      };
    }
    const stable = state.phase === 'Stable';
    return {
      errorCode: 0,
      errorMessage: null,
      groupId,
      groupState: state.phase,
      protocolType: state.protocolType ?? '',
      protocolData: stable ? (state.protocolName ?? '') : '',
      members: [...state.roster.members()].map((member) => ({
        memberId: member.id,
        groupInstanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        memberMetadata: stable ? metadataOf(member, state.protocolName) : noBytes,
        memberAssignment: stable ? member.assignment : noBytes,
      })),
    };
  }

  listGroups(filter: { readonly states: readonly string[]; readonly types: readonly string[] }): ListedGroup[] {
    if (this.#groups.closed) throw new EngineError('coordinator-not-available', 'the broker is stopping');
    const states = new Set(filter.states.map((state) => state.toLowerCase()));
    const types = filter.types.map((type) => type.toLowerCase());
    if (types.length > 0 && !types.includes(classic)) return [];
    return this.#groups
      .all()
      .filter(({ state }) => states.size === 0 || states.has(state.phase.toLowerCase()))
      .map(({ state }) => ({
        groupId: state.id,
        protocolType: state.protocolType ?? '',
        groupState: state.phase,
        groupType: classic,
      }));
  }

  async deleteGroups(groupIds: readonly string[]): Promise<DeletedGroup[]> {
    return await Promise.all(
      groupIds.map(async (groupId) => {
        if (this.#groups.closed) return { groupId, errorCode: kafkaCodeOf('coordinator-not-available') };
        const group = this.#groups.get(groupId);
        return {
          groupId,
          errorCode: kafkaCodeOf(group === undefined ? 'group-not-found' : await this.#groups.remove(group)),
        };
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#retention?.[Symbol.asyncDispose]();
    await this.#groups.close();
  }
}

function joining(request: JoinGroupRequest, caller: GroupCaller): Joining {
  const { memberId, protocolType, sessionTimeoutMs, rebalanceTimeoutMs } = request;
  return {
    memberId,
    instanceId: request.groupInstanceId,
    protocolType,
    protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
    rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
    sessionTimeoutMs,
    clientId: caller.clientId,
    clientHost: caller.clientHost,
    apiVersion: caller.apiVersion,
  };
}
