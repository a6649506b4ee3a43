// A stage for coordinator tests: domains that can be held back, made to fail and kept over a restart, topics, virtual time, and
// members that talk as a client does.

import { type ErrorCode, errorTable } from '../../../src/engine/base/error-table.ts';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { type TopicId, topicId } from '../../../src/engine/base/ids.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import {
  type Coordinator,
  defaultGroupConfig,
  type GroupConfig,
  type JoinGroupAnswer,
  type JoinGroupRequest,
  openCoordinator,
  type SyncGroupAnswer,
  type TopicLookup,
} from '../../../src/engine/coordinator/coordinator.ts';
import type { Domain, DomainChange, DomainRow, ScanOptions } from '../../../src/engine/domain/domain.ts';

export const code = (name: ErrorCode): number => errorTable[name].kafkaCode;
export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** Rows in a map. Writes can be held back, and the next one made to fail. */
export class MapDomain implements Domain {
  readonly name: string;
  readonly rows = new Map<string, Buffer>();
  writes = 0;
  #failure: EngineError | undefined;
  #gate: PromiseWithResolvers<void> | undefined;

  constructor(name: string) {
    this.name = name;
  }

  hold(): void {
    this.#gate ??= Promise.withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  failNext(errorCode: ErrorCode = 'log-unavailable'): void {
    this.#failure = new EngineError(errorCode, 'made to fail');
  }

  async get(key: string): Promise<Buffer | undefined> {
    return this.rows.get(key);
  }

  async scan({ prefix = '', after = '', limit = Number.POSITIVE_INFINITY }: ScanOptions): Promise<DomainRow[]> {
    return [...this.rows]
      .filter(([key]) => key.startsWith(prefix) && key > after)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([key, value]) => ({ key, value }));
  }

  async write(changes: readonly DomainChange[]): Promise<void> {
    this.writes++;
    await this.#gate?.promise;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
    for (const { key, value } of changes) {
      if (value === undefined) this.rows.delete(key);
      else this.rows.set(key, Buffer.from(value));
    }
  }

  async flush(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

export class MapTopics implements TopicLookup {
  readonly #ids = new Map<string, TopicId>();
  #count = 0;

  create(name: string): TopicId {
    const id = topicId(`00000000-0000-4000-8000-${String(++this.#count).padStart(12, '0')}`);
    this.#ids.set(name, id);
    return id;
  }

  drop(name: string): void {
    this.#ids.delete(name);
  }

  idOf(name: string): TopicId | undefined {
    return this.#ids.get(name);
  }

  nameOf(id: TopicId): string | undefined {
    return [...this.#ids].find(([, known]) => known === id)?.[0];
  }

  partitionCount(): number {
    return 100;
  }
}

export interface Stage extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly domains: readonly MapDomain[];
  readonly topics: MapTopics;
  coordinator: Coordinator;
  config: GroupConfig;
  /** Throws the coordinator away without a goodbye, and opens another one on the same rows. */
  restart(): Promise<void>;
  rows(prefix: string): string[];
}

export async function openStage(config: Partial<GroupConfig> = {}, domainCount = 2): Promise<Stage> {
  const clock = new VirtualClock();
  const random = seededRandom(7);
  const domains = Array.from({ length: domainCount }, (_, index) => new MapDomain(`groups/${index}`));
  const topics = new MapTopics();
  const open = () =>
    openCoordinator({ domains, topics, clock, random, logger: silentLogger, config: () => stage.config });
  const stage: Stage = {
    clock,
    domains,
    topics,
    config: { ...defaultGroupConfig, ...config },
    coordinator: undefined as unknown as Coordinator,
    async restart() {
      stage.coordinator = await open();
    },
    rows: (prefix) => domains.flatMap(({ rows }) => [...rows.keys()]).filter((key) => key.startsWith(prefix)),
    async [Symbol.asyncDispose]() {
      for (const domain of domains) domain.release();
      await stage.coordinator[Symbol.asyncDispose]();
    },
  };
  await stage.restart();
  return stage;
}

/** What a consumer puts into its metadata: version 0, topics, no user data. */
export function subscription(...topics: string[]): Buffer {
  const parts = topics.map((topic) => {
    const length = Buffer.alloc(2);
    length.writeInt16BE(topic.length);
    return Buffer.concat([length, Buffer.from(topic)]);
  });
  const head = Buffer.alloc(6);
  head.writeInt32BE(topics.length, 2);
  return Buffer.concat([head, ...parts, Buffer.from([255, 255, 255, 255])]);
}

export interface MemberOptions {
  readonly groupId?: string;
  readonly instanceId?: string;
  readonly protocols?: JoinGroupRequest['protocols'];
  readonly protocolType?: string;
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
  readonly apiVersion?: number;
}

/** A group member as a client would run it; it remembers its id and generation. */
export class TestMember {
  readonly #stage: Stage;
  readonly name: string;
  readonly options: MemberOptions;
  memberId = '';
  generationId = -1;
  joined: JoinGroupAnswer | undefined;

  constructor(stage: Stage, name: string, options: MemberOptions = {}) {
    this.#stage = stage;
    this.name = name;
    this.options = options;
  }

  get groupId(): string {
    return this.options.groupId ?? 'orders';
  }

  get instanceId(): string | null {
    return this.options.instanceId ?? null;
  }

  /** One JoinGroup. */
  async joinOnce(change: Partial<JoinGroupRequest> = {}): Promise<JoinGroupAnswer> {
    const answer = await this.#stage.coordinator.joinGroup(
      {
        groupId: this.groupId,
        sessionTimeoutMs: this.options.sessionTimeoutMs ?? 10_000,
        rebalanceTimeoutMs: this.options.rebalanceTimeoutMs ?? 60_000,
        memberId: this.memberId,
        groupInstanceId: this.instanceId,
        protocolType: this.options.protocolType ?? 'consumer',
        protocols: this.options.protocols ?? [{ name: 'range', metadata: subscription('payments') }],
        ...change,
      },
      { apiVersion: this.options.apiVersion ?? 9, clientId: this.name, clientHost: '127.0.0.1' },
    );
    if (answer.errorCode === 0) {
      this.joined = answer;
      this.memberId = answer.memberId;
      this.generationId = answer.generationId;
    }
    return answer;
  }

  /** Joins, with the id it is given where one is required. */
  async join(change: Partial<JoinGroupRequest> = {}): Promise<JoinGroupAnswer> {
    const answer = await this.joinOnce(change);
    if (answer.errorCode !== code('member-id-required')) return answer;
    this.memberId = answer.memberId;
    return await this.joinOnce(change);
  }

  get leads(): boolean {
    return this.joined !== undefined && this.joined.leader === this.memberId;
  }

  async sync(assignments: Record<string, string> = {}): Promise<SyncGroupAnswer> {
    const { groupId, generationId, memberId, instanceId: groupInstanceId } = this;
    return await this.#stage.coordinator.syncGroup(
      {
        groupId,
        generationId,
        memberId,
        groupInstanceId,
        assignments: Object.entries(assignments).map(([id, value]) => ({
          memberId: id,
          assignment: Buffer.from(value),
        })),
      },
      { apiVersion: 5, clientId: this.name, clientHost: '127.0.0.1' },
    );
  }

  /** As leader: everybody gets "<generation>:<member id>". */
  async syncAll(): Promise<SyncGroupAnswer> {
    const ids = this.leads ? (this.joined as JoinGroupAnswer).members.map((member) => member.memberId) : [];
    return await this.sync(Object.fromEntries(ids.map((id) => [id, `${this.generationId}:${id}`])));
  }

  heartbeat(): number {
    const { groupId, generationId, memberId, instanceId: groupInstanceId } = this;
    return this.#stage.coordinator.heartbeat({ groupId, generationId, memberId, groupInstanceId }).errorCode;
  }

  leave(): number {
    const { memberId, instanceId: groupInstanceId } = this;
    const answer = this.#stage.coordinator.leaveGroup(this.groupId, [{ memberId, groupInstanceId }]);
    return answer.errorCode === 0 ? (answer.members[0]?.errorCode ?? 0) : answer.errorCode;
  }

  async commit(topic: string, offsets: Record<number, number>, apiVersion = 8): Promise<number[]> {
    const { groupId, generationId, memberId, instanceId: groupInstanceId } = this;
    return await commit(this.#stage, { groupId, generationId, memberId, groupInstanceId }, topic, offsets, apiVersion);
  }
}

export async function commit(
  stage: Stage,
  who: { groupId: string; generationId?: number; memberId?: string; groupInstanceId?: string | null },
  topic: string,
  offsets: Record<number, number>,
  apiVersion = 8,
  retentionTimeMs = -1,
): Promise<number[]> {
  const answers = await stage.coordinator.offsetCommit(
    {
      generationId: -1,
      memberId: '',
      groupInstanceId: null,
      ...who,
      retentionTimeMs,
      topics: [
        {
          name: topic,
          partitions: Object.entries(offsets).map(([partitionIndex, committedOffset]) => ({
            partitionIndex: Number(partitionIndex),
            committedOffset,
            committedMetadata: null,
          })),
        },
      ],
    },
    { apiVersion, clientId: 'c', clientHost: '127.0.0.1' },
  );
  return answers.flatMap((answer) => answer.partitions.map((partition) => partition.errorCode));
}

/** Committed offsets as "topic-partition": offset. */
export async function committed(stage: Stage, groupId: string): Promise<Record<string, number>> {
  const answer = await stage.coordinator.offsetFetch({ groupId, topics: null });
  return Object.fromEntries(
    answer.topics.flatMap(({ name, partitions }) =>
      partitions.map((partition) => [`${name}-${partition.partitionIndex}`, partition.committedOffset]),
    ),
  );
}

/** Lets the members run as clients do, until one generation has them all and each has its assignment. */
export async function settle(members: readonly TestMember[]): Promise<void> {
  const synced = new Map<TestMember, number>();
  const together = () => synced.size === members.length && new Set(synced.values()).size === 1;
  await Promise.all(
    members.map(async (member) => {
      while (!together()) {
        const { errorCode } = await member.join();
        if (errorCode !== 0) throw new Error(`${member.name} cannot join: ${errorCode}`);
        if ((await member.syncAll()).errorCode !== 0) continue;
        synced.set(member, member.generationId);
        while (!together() && member.heartbeat() === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }),
  );
}

/** Whether the promise is still open. */
export async function waits(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol('open');
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(open)])) === open;
}
