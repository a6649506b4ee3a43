// What the coordinator is asked and what it answers: the fields of Kafka's messages, in camelCase, for all versions at once.
// `null` is where Kafka has null; a handler turns it into what an older version wants.

import type { TopicId } from '../base/ids.ts';

export interface JoinGroupRequest {
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  /** −1 (version 0 has none): the session timeout. */
  readonly rebalanceTimeoutMs: number;
  /** Empty for a member that has no id yet. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly protocolType: string;
  /** In the order of the member's preference. */
  readonly protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[];
  readonly reason?: string | null;
}

export interface JoinGroupAnswer {
  readonly errorCode: number;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment: boolean;
  readonly memberId: string;
  /** Only for the leader: all members with their metadata. */
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly metadata: Buffer;
  }[];
}

export interface SyncGroupRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly protocolType?: string | null;
  readonly protocolName?: string | null;
  /** Only from the leader. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[];
}

export interface SyncGroupAnswer {
  readonly errorCode: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Buffer;
}

export interface HeartbeatRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export interface LeavingMember {
  /** Empty where an operator removes a static member by its instance id. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export interface LeaveGroupAnswer {
  readonly errorCode: number;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly errorCode: number;
  }[];
}

/** A topic by name or, from version 10 of the offset APIs on, by id. */
export interface TopicReference {
  readonly name?: string;
  readonly topicId?: TopicId;
}

export interface OffsetTopicPartitions extends TopicReference {
  readonly partitionIndexes: readonly number[];
}

export interface OffsetCommitRequest {
  readonly groupId: string;
  /** −1 for a consumer that is not a member. */
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** Versions 2 to 4: a retention of these offsets' own; −1 for the broker's. */
  readonly retentionTimeMs?: number;
  readonly topics: readonly OffsetCommitTopic[];
}

export interface OffsetCommitTopic extends TopicReference {
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly committedOffset: number;
    readonly committedLeaderEpoch?: number;
    readonly committedMetadata: string | null;
  }[];
}

export interface OffsetCommitTopicAnswer extends TopicReference {
  readonly partitions: readonly PartitionError[];
}

export interface PartitionError {
  readonly partitionIndex: number;
  readonly errorCode: number;
}

export interface OffsetFetchGroupRequest {
  readonly groupId: string;
  /** Null for everything the group has committed. */
  readonly topics: readonly OffsetTopicPartitions[] | null;
}

export interface OffsetFetchGroupAnswer {
  readonly groupId: string;
  readonly errorCode: number;
  readonly topics: readonly OffsetFetchTopicAnswer[];
}

export interface OffsetFetchTopicAnswer {
  readonly name: string;
  /** Undefined where the topic is not known. */
  readonly topicId: TopicId | undefined;
  readonly partitions: readonly FetchedOffset[];
}

export interface FetchedOffset {
  readonly partitionIndex: number;
  /** −1 where nothing is committed. */
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly metadata: string;
  readonly errorCode: number;
}

export interface OffsetDeleteAnswer {
  readonly errorCode: number;
  readonly topics: readonly { readonly name: string; readonly partitions: readonly PartitionError[] }[];
}

export interface DescribedGroup {
  /** That of a group which is not there is GROUP_ID_NOT_FOUND; DescribeGroups before version 6 says 0 and "Dead". */
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly groupId: string;
  readonly groupState: string;
  readonly protocolType: string;
  readonly protocolData: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly clientId: string;
    readonly clientHost: string;
    readonly memberMetadata: Buffer;
    readonly memberAssignment: Buffer;
  }[];
}

export interface ListedGroup {
  readonly groupId: string;
  readonly protocolType: string;
  readonly groupState: string;
  readonly groupType: string;
}

export interface DeletedGroup {
  readonly groupId: string;
  readonly errorCode: number;
}
