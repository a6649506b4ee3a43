// The front door of the group coordinator: the classic consumer group protocol, committed offsets, and their expiry.
//
// What it knows: groups, their members, and the offsets they committed, all of them rows of the `groups/0…m−1` domains.
// What it promises:
// - an OffsetCommit is answered after its rows are durable; an assignment after the row of its group is
// - after a restart groups come back from their rows: members go on with heartbeats, positions are not lost
// - a generation has one leader, and a member of a stable group is given the assignment of the present generation
// What it refuses: more groups, members or waiting bytes than its configuration allows.
// What it leaves to its caller: access control, and noticing that a connection is gone (a session timeout does that).
//
// Requests and answers have the fields of Kafka's messages in camelCase; error codes are Kafka's numbers. Bytes in a request
// are copied, so that the caller may reuse them.

import type { Clock } from '../base/clock.ts';
import type { TopicId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { Domain } from '../domain/domain.ts';
import type { GroupConfig } from './group-config.ts';
import { GroupCoordinator } from './group-coordinator.ts';
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

export { defaultGroupConfig, type GroupConfig } from './group-config.ts';
export type * from './group-messages.ts';

/** What the coordinator asks about topics. Offsets are kept by topic id, so that a new topic of an old name starts without. */
export interface TopicLookup {
  idOf(name: string): TopicId | undefined;
  nameOf(id: TopicId): string | undefined;
  /** Where given, commits for partitions that do not exist are refused. */
  partitionCount?(id: TopicId): number | undefined;
}

/** Who asks. */
export interface GroupCaller {
  readonly apiVersion: number;
  readonly clientId: string;
  readonly clientHost: string;
}

export interface CoordinatorOptions {
  /** `groups/0` … `groups/m−1`, in this order; m never changes in the life of a cluster. */
  readonly domains: readonly Domain[];
  readonly topics: TopicLookup;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Asked for every request; `() => defaultGroupConfig` where nothing is configured. */
  readonly config: () => GroupConfig;
}

export interface Coordinator extends AsyncDisposable {
  joinGroup(request: JoinGroupRequest, caller: GroupCaller): Promise<JoinGroupAnswer>;
  syncGroup(request: SyncGroupRequest, caller: GroupCaller): Promise<SyncGroupAnswer>;
  heartbeat(request: HeartbeatRequest): { readonly errorCode: number };
  /** The members leave one by one, each with an error code of its own. */
  leaveGroup(groupId: string, members: readonly LeavingMember[]): LeaveGroupAnswer;

  /** The rows are queued before the call returns, so that commits of one connection stay in their order. */
  offsetCommit(request: OffsetCommitRequest, caller: GroupCaller): Promise<OffsetCommitTopicAnswer[]>;
  offsetFetch(request: OffsetFetchGroupRequest): Promise<OffsetFetchGroupAnswer>;
  offsetDelete(groupId: string, topics: readonly OffsetTopicPartitions[]): Promise<OffsetDeleteAnswer>;

  describeGroup(groupId: string): DescribedGroup;
  /** Filters are as in ListGroups: empty means all, upper and lower case are the same. */
  listGroups(filter: { readonly states: readonly string[]; readonly types: readonly string[] }): ListedGroup[];
  deleteGroups(groupIds: readonly string[]): Promise<DeletedGroup[]>;

  /** Deletes what has expired, and offsets of topics that are gone. The retention loop calls it; so may an operator. */
  expireOffsets(): Promise<{ readonly offsets: number; readonly groups: number }>;
  /** For metrics. */
  readonly stats: { readonly groups: number; readonly members: number; readonly memberBytes: number };
}

/** Reads the groups from their rows and serves them. Its topics must be known by now: offsets of unknown ones expire. */
export async function openCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  return await GroupCoordinator.open(options);
}
