// The settings of the group coordinator. They are read anew for every request, so that they may change while it runs.

export interface GroupConfig {
  /**
   * How long the first rebalance of an empty group waits for more members. Kafka's own default is 3000; ours is 0, as in the
   * configuration file that Kafka ships: a lone consumer on a laptop or in a CI job gets its partitions at once, and what
   * a fleet pays for it is a few more rebalances while it starts.
   */
  readonly initialRebalanceDelayMs: number;
  readonly sessionTimeoutMsMin: number;
  readonly sessionTimeoutMsMax: number;
  /** Members of one group; the ids that were handed out and not used yet are limited by the same number. */
  readonly groupSizeMax: number;
  /** Groups that are kept. A further one is refused until others were deleted or have expired. */
  readonly groupsMax: number;
  /** Protocol metadata and assignments of all members of all groups together. */
  readonly memberBytesMax: number;
  /** Commits and group rows that wait to become durable, per domain. */
  readonly pendingWriteBytesMax: number;
  /** UTF-16 units, as Kafka counts them. */
  readonly offsetMetadataLengthMax: number;
  readonly offsetsRetentionMs: number;
  readonly offsetsRetentionCheckIntervalMs: number;
}

export const defaultGroupConfig: GroupConfig = {
  initialRebalanceDelayMs: 0,
  sessionTimeoutMsMin: 6_000,
  sessionTimeoutMsMax: 1_800_000,
  groupSizeMax: 10_000,
  groupsMax: 100_000,
  memberBytesMax: 256 * 1024 * 1024,
  pendingWriteBytesMax: 64 * 1024 * 1024,
  offsetMetadataLengthMax: 4096,
  offsetsRetentionMs: 7 * 24 * 60 * 60 * 1000,
  offsetsRetentionCheckIntervalMs: 600_000,
};

/** A join of a member that the coordinator does not know yet is given up after this, as in Kafka. */
export const newMemberJoinTimeoutMs = 5 * 60 * 1000;
/** Longer group ids are refused: every group is kept in memory, and its id is part of the keys of its rows. */
export const groupIdBytesMax = 1024;
