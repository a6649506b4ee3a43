// Committed offsets: commit, fetch, delete, expire. The rows in the domain are the only copy; what is answered was durable.

import type { ErrorCode } from '../base/error-table.ts';
import { toEngineError } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import type { Domain, DomainChange } from '../domain/domain.ts';
import { kafkaCodeOf } from './group-answers.ts';
import { offsetKey, offsetsPrefix, topicPartitionOfKey } from './group-key-format.ts';
import type {
  FetchedOffset,
  OffsetCommitRequest,
  OffsetCommitTopic,
  OffsetCommitTopicAnswer,
  OffsetDeleteAnswer,
  OffsetFetchGroupAnswer,
  OffsetFetchGroupRequest,
  OffsetFetchTopicAnswer,
  OffsetTopicPartitions,
  TopicReference,
} from './group-messages.ts';
import type { GroupState } from './group-state.ts';
import { refusalOf } from './group-sync.ts';
import type { HostedGroup, HostedGroups } from './hosted-groups.ts';
import { decodeOffsetRow, encodeOffsetRow } from './offset-row-format.ts';
import { offsetExpired } from './retention-policy.ts';

export interface Topics {
  idOf(name: string): TopicId | undefined;
  nameOf(id: TopicId): string | undefined;
  partitionCount?(id: TopicId): number | undefined;
}

/** With this many partitions of one topic its rows are read one by one, with more in one scan. */
const singleReadsMax = 8;

export class GroupOffsets {
  readonly #groups: HostedGroups;
  readonly #topics: Topics;

  constructor(groups: HostedGroups, topics: Topics) {
    this.#groups = groups;
    this.#topics = topics;
  }

  // ── commit ──

  /** Rows are queued before the call returns. */
  async commit(group: HostedGroup, request: OffsetCommitRequest): Promise<OffsetCommitTopicAnswer[]> {
    const { state } = group;
    const refusal = commitRefusal(state, request);
    if (refusal !== undefined) return refuseCommit(request, refusal);
    const member = state.roster.get(request.memberId);
    if (member !== undefined) state.touch(member);

    const changes: DomainChange[] = group.hasRow ? [] : [this.#groups.rowChange(group)];
    const groupRows = changes.length;
    const answers = request.topics.map((topic) => this.#commitTopic(state.id, request, topic, changes));
    if (changes.length === groupRows) return answers;

    group.commitsInFlight++;
    group.commits++;
    try {
      await this.#groups.write(state.id, changes);
      group.hasRow = true;
      return answers;
    } catch (error) {
      const code = kafkaCodeOf(this.#groups.writeFailure(state.id, error));
      return answers.map((topic) => ({
        ...topic,
        partitions: topic.partitions.map((one) => (one.errorCode === 0 ? { ...one, errorCode: code } : one)),
      }));
    } finally {
      group.commitsInFlight--;
    }
  }

  #commitTopic(
    groupId: string,
    request: OffsetCommitRequest,
    topic: OffsetCommitTopic,
    changes: DomainChange[],
  ): OffsetCommitTopicAnswer {
    const { topicId, refusal } = this.#resolve(topic);
    const nowMs = this.#groups.clock.nowMs();
    const retentionTimeMs = request.retentionTimeMs ?? -1;
    const { offsetMetadataLengthMax } = this.#groups.config();
    const partitions = topic.partitions.map((one) => {
      const { partitionIndex } = one;
      if (topicId === undefined) return { partitionIndex, errorCode: kafkaCodeOf(refusal) };
      if (!this.#exists(topicId, partitionIndex)) {
        return { partitionIndex, errorCode: kafkaCodeOf('unknown-topic-or-partition') };
      }
      const metadata = one.committedMetadata ?? '';
      if (metadata.length > offsetMetadataLengthMax) {
        return { partitionIndex, errorCode: kafkaCodeOf('offset-metadata-too-large') };
      }
      const row = {
        committedOffset: one.committedOffset,
        leaderEpoch: one.committedLeaderEpoch ?? -1,
        metadata,
        committedAtMs: nowMs,
        expiresAtMs: retentionTimeMs < 0 ? -1 : Math.min(nowMs + retentionTimeMs, Number.MAX_SAFE_INTEGER),
      };
      changes.push({ key: offsetKey(groupId, topicId, partitionIndex), value: encodeOffsetRow(row) });
      return { partitionIndex, errorCode: 0 };
    });
    return { ...reference(topic), partitions };
  }

  #resolve(topic: TopicReference): { readonly topicId: TopicId | undefined; readonly refusal: ErrorCode } {
    if (topic.topicId !== undefined) {
      const known = this.#topics.nameOf(topic.topicId) !== undefined;
      return { topicId: known ? topic.topicId : undefined, refusal: 'unknown-topic-id' };
    }
    return { topicId: this.#topics.idOf(topic.name ?? ''), refusal: 'unknown-topic-or-partition' };
  }

  #exists(topicId: TopicId, partition: number): boolean {
    if (partition < 0) return false;
    const count = this.#topics.partitionCount?.(topicId);
    return count === undefined || partition < count;
  }

  // ── fetch ──

  async fetch(group: HostedGroup | undefined, request: OffsetFetchGroupRequest): Promise<OffsetFetchGroupAnswer> {
    const { groupId } = request;
    const present = group !== undefined && group.state.phase !== 'Dead';
    try {
      if (request.topics === null) {
        return { groupId, errorCode: 0, topics: present ? await this.#fetchAll(groupId) : [] };
      }
      const topics: OffsetFetchTopicAnswer[] = [];
      for (const topic of request.topics) topics.push(await this.#fetchTopic(groupId, topic, present));
      return { groupId, errorCode: 0, topics };
    } catch (error) {
      this.#groups.logger.warn({ group: groupId, message: toEngineError(error).message }, 'offsets were not read');
      return { groupId, errorCode: kafkaCodeOf('coordinator-not-available'), topics: [] };
    }
  }

  async #fetchAll(groupId: string): Promise<OffsetFetchTopicAnswer[]> {
    const topics = new Map<TopicId, { name: string; topicId: TopicId; partitions: FetchedOffset[] }>();
    for await (const { key, value } of this.#groups.offsetRows(groupId)) {
      const { topicId, partition } = topicPartitionOfKey(key);
      let topic = topics.get(topicId);
      if (topic === undefined) {
        const name = this.#topics.nameOf(topicId);
        if (name === undefined) continue;
        topic = { name, topicId, partitions: [] };
        topics.set(topicId, topic);
      }
      topic.partitions.push(fetched(partition, value, key));
    }
    return [...topics.values()];
  }

  async #fetchTopic(groupId: string, topic: OffsetTopicPartitions, present: boolean): Promise<OffsetFetchTopicAnswer> {
    const { topicId, refusal } = this.#resolve(topic);
    const name = topic.name ?? (topicId === undefined ? '' : (this.#topics.nameOf(topicId) ?? ''));
    const found =
      topicId === undefined || !present ? new Map() : await this.#read(groupId, topicId, topic.partitionIndexes);
    // A topic of an unknown name is as one without commits; only an unknown id is an error.
    const errorCode = topicId === undefined && refusal === 'unknown-topic-id' ? kafkaCodeOf(refusal) : 0;
    return {
      name,
      topicId: topicId ?? topic.topicId,
      partitions: topic.partitionIndexes.map((index) => found.get(index) ?? nothing(index, errorCode)),
    };
  }

  async #read(groupId: string, topicId: TopicId, wanted: readonly number[]): Promise<Map<number, FetchedOffset>> {
    const found = new Map<number, FetchedOffset>();
    if (wanted.length <= singleReadsMax) {
      const domain: Domain = this.#groups.domainOf(groupId);
      for (const partition of wanted) {
        const key = offsetKey(groupId, topicId, partition);
        const value = await domain.get(key);
        if (value !== undefined) found.set(partition, fetched(partition, value, key));
      }
      return found;
    }
    for await (const { key, value } of this.#groups.offsetRows(groupId, offsetsPrefix(groupId, topicId))) {
      const { partition } = topicPartitionOfKey(key);
      found.set(partition, fetched(partition, value, key));
    }
    return found;
  }

  // ── delete ──

  async delete(group: HostedGroup | undefined, topics: readonly OffsetTopicPartitions[]): Promise<OffsetDeleteAnswer> {
    const refuse = (code: ErrorCode): OffsetDeleteAnswer => ({ errorCode: kafkaCodeOf(code), topics: [] });
    if (group === undefined || group.state.phase === 'Dead') return refuse('group-not-found');
    const { state } = group;
    const inUse = state.phase === 'Empty' ? new Set<string>() : state.subscribedTopics();
    if (state.phase !== 'Empty' && state.protocolType !== 'consumer') return refuse('non-empty-group');

    const changes: DomainChange[] = [];
    const answers = topics.map((topic) => {
      const name = topic.name ?? '';
      const topicId = this.#topics.idOf(name);
      const subscribed = inUse === undefined || inUse.has(name);
      const partitions = topic.partitionIndexes.map((partitionIndex) => {
        if (topicId === undefined || !this.#exists(topicId, partitionIndex)) {
          return { partitionIndex, errorCode: kafkaCodeOf('unknown-topic-or-partition') };
        }
        if (subscribed) return { partitionIndex, errorCode: kafkaCodeOf('group-subscribed-to-topic') };
        changes.push({ key: offsetKey(state.id, topicId, partitionIndex), value: undefined });
        return { partitionIndex, errorCode: 0 };
      });
      return { name, partitions };
    });
    try {
      await this.#groups.write(state.id, changes);
    } catch (error) {
      return refuse(this.#groups.writeFailure(state.id, error));
    }
    return { errorCode: 0, topics: answers };
  }

  // ── expiry ──

  /** Deletes the expired offsets of a group. Undefined when somebody committed meanwhile: then the next round decides. */
  async expire(group: HostedGroup): Promise<{ readonly deleted: number; readonly kept: number } | undefined> {
    const { state, commits } = group;
    if (group.commitsInFlight > 0 || state.phase === 'Dead') return undefined;
    const rows: { key: string; topic: string | undefined; row: ReturnType<typeof decodeOffsetRow> }[] = [];
    for await (const { key, value } of this.#groups.offsetRows(state.id)) {
      rows.push({
        key,
        topic: this.#topics.nameOf(topicPartitionOfKey(key).topicId),
        row: decodeOffsetRow(value, key),
      });
    }
    // From here to the call of `write` nothing else runs, so a later commit is queued behind these deletions and stays.
    if (group.commits !== commits || this.#groups.closed || state.phase === ('Dead' as GroupState['phase']))
      return undefined;
    const nowMs = this.#groups.clock.nowMs();
    const { offsetsRetentionMs } = this.#groups.config();
    const subscribedTopics = state.subscribedTopics();
    const { phase, protocolType, stateSinceMs } = state;
    const view = { phase, protocolType, stateSinceMs, subscribedTopics };
    const expired = rows.filter(({ row, topic }) => offsetExpired(view, row, topic, nowMs, offsetsRetentionMs));
    if (expired.length > 0) {
      await this.#groups.write(
        state.id,
        expired.map(({ key }) => ({ key, value: undefined })),
      );
    }
    if (group.commits !== commits) return undefined;
    return { deleted: expired.length, kept: rows.length - expired.length };
  }
}

function commitRefusal(group: GroupState, request: OffsetCommitRequest): ErrorCode | undefined {
  if (group.phase === 'Dead') return 'coordinator-not-available';
  if (request.generationId >= 0 || request.memberId !== '' || request.groupInstanceId !== null) {
    const refusal = refusalOf(group, request);
    if (refusal !== undefined) return refusal;
  } else if (group.phase !== 'Empty') {
    // In a group that has members only they commit.
    return 'unknown-member-id';
  }
  // The member has joined this generation and does not know its assignment yet: it cannot have read anything in it. While
  // members are still joining a commit is welcome: it is the last one of the generation before.
  return group.phase === 'CompletingRebalance' ? 'rebalance-in-progress' : undefined;
}

export function refuseCommit(request: OffsetCommitRequest, code: ErrorCode): OffsetCommitTopicAnswer[] {
  const errorCode = kafkaCodeOf(code);
  return request.topics.map((topic) => ({
    ...reference(topic),
    partitions: topic.partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }));
}

function reference(topic: TopicReference): TopicReference {
  return {
    ...(topic.name === undefined ? {} : { name: topic.name }),
    ...(topic.topicId === undefined ? {} : { topicId: topic.topicId }),
  };
}

function fetched(partitionIndex: number, value: Buffer, key: string): FetchedOffset {
  const row = decodeOffsetRow(value, key);
  return {
    partitionIndex,
    committedOffset: row.committedOffset,
    committedLeaderEpoch: row.leaderEpoch,
    metadata: row.metadata,
    errorCode: 0,
  };
}

function nothing(partitionIndex: number, errorCode: number): FetchedOffset {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode };
}
