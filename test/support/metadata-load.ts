// A load of metadata changes on a broker that may die at any instant, and what must be true afterwards.
//
// Every key of the picture (metadata-picture.ts) belongs to one worker, which changes it one request at a time. What was acknowledged
// is the state of the key. A request without an answer, or with an error, leaves it in doubt: the state before and the one asked for
// are both allowed until somebody has seen which it is. From then on it is that one.

import type { Random } from '../../src/engine/base/random.ts';
import {
  createPartitions,
  createTopics,
  deleteTopics,
  incrementalAlterConfigs,
  initProducerId,
  offsetCommit,
} from '../../src/engine/wire/wire.ts';
import { RawClient } from '../engine/broker/raw-client.ts';
import { type MetadataPicture, topicState } from './metadata-picture.ts';

type State = string | undefined;

export interface MetadataLoadOptions {
  /** Where the broker listens now. */
  readonly port: () => number;
  readonly random: Random;
  readonly workers: number;
}

const topicsOfAWorkerMax = 12;
const positionsTopic = 'positions';
const positionsPartitions = 4;

export class MetadataLoad {
  readonly groups: readonly string[];
  /** Requests that were acknowledged. */
  acknowledged = 0;
  readonly problems: string[] = [];
  readonly #options: MetadataLoadOptions;
  readonly #allowed = new Map<string, Set<State>>();
  readonly #producerIds = new Set<number>();
  #positionsId = '';

  constructor(options: MetadataLoadOptions) {
    this.#options = options;
    this.groups = Array.from({ length: options.workers * 2 }, (_, at) => `group-${at}`);
  }

  /** Makes the topic that positions are kept of. Once, on a broker that is well. */
  async begin(): Promise<void> {
    const client = await RawClient.open(this.#options.port());
    const topic = { name: positionsTopic, numPartitions: positionsPartitions, replicationFactor: 1 };
    const topics = [{ ...topic, assignments: [], configs: [] }];
    const [made] = (await client.call(createTopics, 7, { topics })).topics;
    if (made?.errorCode !== 0) throw new Error(`no topic: ${made?.errorCode}`);
    this.#positionsId = made.topicId;
    this.#allowed.set(`topic/${positionsTopic}`, new Set([topicState(made.topicId, positionsPartitions, undefined)]));
    client.destroy();
  }

  /** Changes things until told to stop, or until the broker is gone. */
  async run(stopped: () => boolean): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.workers }, (_, worker) => this.#work(worker, stopped)));
  }

  /** What of a picture cannot be, for keys that begin with one of the prefixes. */
  check(picture: MetadataPicture, prefixes = ['topic/', 'broker/', 'offset/']): string[] {
    const looked = (key: string) => prefixes.some((prefix) => key.startsWith(prefix));
    const keys = new Set([...this.#allowed.keys(), ...picture.keys()].filter(looked));
    return [...keys].flatMap((key) => {
      const found = picture.get(key);
      const allowed = this.#allowed.get(key) ?? new Set([undefined]);
      if ([...allowed].some((state) => isSame(state, found))) return [];
      const expected = [...allowed].map((state) => state ?? 'nothing').join(' or ');
      return [`${key} is ${found ?? 'nothing'}, and was acknowledged as ${expected}`];
    });
  }

  /** Ends all doubts: what is seen is what it is, from now on. */
  settle(picture: MetadataPicture): void {
    for (const key of this.#allowed.keys()) this.#allowed.set(key, new Set([picture.get(key)]));
  }

  async #work(worker: number, stopped: () => boolean): Promise<void> {
    let client: RawClient | undefined;
    try {
      client = await RawClient.open(this.#options.port());
      while (!stopped()) await this.#change(worker, client);
    } catch (error) {
      // The broker is gone.
      if (stopped()) return;
      this.problems.push(`worker ${worker}: ${(error as Error).message}`);
    } finally {
      client?.destroy();
    }
  }

  #pick(below: number): number {
    return Math.floor(this.#options.random.fraction() * below);
  }

  /** The state of a key; undefined for one in doubt. */
  #known(key: string): { readonly state: State } | undefined {
    const allowed = this.#allowed.get(key) ?? new Set([undefined]);
    const [state] = allowed;
    return allowed.size === 1 ? { state } : undefined;
  }

  /** Asks for a change of a key. What it resolves to is the state that was acknowledged, or not at all. */
  async #ask(key: string, before: State, wanted: State, ask: () => Promise<{ acknowledged: State } | undefined>) {
    this.#allowed.set(key, new Set([before, wanted]));
    const answer = await ask();
    if (answer === undefined) return;
    this.acknowledged++;
    this.#allowed.set(key, new Set([answer.acknowledged]));
  }

  async #change(worker: number, client: RawClient): Promise<void> {
    const dice = this.#pick(100);
    if (dice < 60) return this.#changeTopic(`t${worker}-${this.#pick(topicsOfAWorkerMax)}`, client);
    if (dice < 85) return this.#commit(worker, client);
    if (dice < 95 || worker > 0) return this.#takeProducerId(client);
    return this.#alterBroker(client);
  }

  async #changeTopic(name: string, client: RawClient): Promise<void> {
    const key = `topic/${name}`;
    const known = this.#known(key);
    if (known === undefined) return;
    if (known.state === undefined) return this.#create(key, name, client);
    const [id = '', partitions = '', retention = ''] = known.state.split('|');
    const count = Number(partitions);
    const dice = this.#pick(3);
    if (dice === 0) {
      return this.#ask(key, known.state, undefined, async () => {
        const { responses } = await client.call(deleteTopics, 6, {
          topics: [{ name, topicId: noId }],
          timeoutMs: 20_000,
        });
        return responses[0]?.errorCode === 0 ? { acknowledged: undefined } : undefined;
      });
    }
    if (dice === 1) {
      const wanted = topicState(id, count + 1, retention);
      return this.#ask(key, known.state, wanted, async () => {
        const topics = [{ name, count: count + 1, assignments: null }];
        const answer = await client.call(createPartitions, 3, { topics, timeoutMs: 20_000, validateOnly: false });
        return answer.results[0]?.errorCode === 0 ? { acknowledged: wanted } : undefined;
      });
    }
    const value = String(60_000 + this.#pick(1_000_000));
    const wanted = topicState(id, count, value);
    return this.#ask(key, known.state, wanted, async () =>
      (await this.#set(client, 2, name, 'retention.ms', value)) ? { acknowledged: wanted } : undefined,
    );
  }

  async #create(key: string, name: string, client: RawClient): Promise<void> {
    const numPartitions = 1 + this.#pick(3);
    await this.#ask(key, undefined, topicState('*', numPartitions, undefined), async () => {
      const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
      const [made] = (await client.call(createTopics, 7, { topics: [topic], timeoutMs: 20_000 })).topics;
      return made?.errorCode === 0 ? { acknowledged: topicState(made.topicId, numPartitions, undefined) } : undefined;
    });
  }

  async #commit(worker: number, client: RawClient): Promise<void> {
    const groupId = this.groups[worker * 2 + this.#pick(2)] as string;
    const partition = this.#pick(positionsPartitions);
    const key = `offset/${groupId}/${this.#positionsId}/${partition}`;
    const known = this.#known(key);
    if (known === undefined) return;
    const committedOffset = Number(known.state ?? 0) + 1 + this.#pick(10);
    await this.#ask(key, known.state, String(committedOffset), async () => {
      const partitions = [{ partitionIndex: partition, committedOffset, committedMetadata: '' }];
      const request = { groupId, memberId: '', topics: [{ name: positionsTopic, partitions }] };
      const answer = await client.call(offsetCommit, 9, request);
      const code = answer.topics[0]?.partitions[0]?.errorCode;
      return code === 0 ? { acknowledged: String(committedOffset) } : undefined;
    });
  }

  async #takeProducerId(client: RawClient): Promise<void> {
    const answer = await client.call(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 });
    if (answer.errorCode !== 0) return;
    this.acknowledged++;
    if (this.#producerIds.has(answer.producerId))
      this.problems.push(`producer id ${answer.producerId} was given twice`);
    this.#producerIds.add(answer.producerId);
  }

  async #alterBroker(client: RawClient): Promise<void> {
    const name = 'log.retention.ms';
    const key = `broker/${name}`;
    const known = this.#known(key);
    if (known === undefined) return;
    const value = String(1_000_000 + this.#pick(1_000_000));
    await this.#ask(key, known.state, value, async () =>
      (await this.#set(client, 4, '1', name, value)) ? { acknowledged: value } : undefined,
    );
  }

  async #set(client: RawClient, resourceType: number, resourceName: string, name: string, value: string) {
    const resources = [{ resourceType, resourceName, configs: [{ name, configOperation: 0, value }] }];
    const answer = await client.call(incrementalAlterConfigs, 1, { resources, validateOnly: false });
    return answer.responses[0]?.errorCode === 0;
  }
}

const noId = '00000000-0000-0000-0000-000000000000';

/** The id of a topic whose creation was not answered is not known. */
function isSame(expected: State, found: State): boolean {
  if (expected === undefined || found === undefined || !expected.startsWith('*')) return expected === found;
  return expected.slice(1) === found.slice(found.indexOf('|'));
}
