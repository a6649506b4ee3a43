// A client of a Kafka-compatible cluster, as small as the operator's verbs need: finds brokers, leaders and coordinators,
// and keeps one connection to each. Codecs are the engine's own (wire/), so records pass through it unchanged.

import type { Clock } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import { findCoordinator, metadata, type ResponseOf } from '../wire/wire.ts';
import { type BrokerAddress, BrokerConnection, type ConnectionOptions } from './broker-connection.ts';
import { checkBroker } from './broker-error.ts';

export interface KafkaClientOptions {
  readonly bootstrap: readonly BrokerAddress[];
  readonly clock: Clock;
  readonly clientId?: string;
  /** How long one answer may take. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export type ClusterMetadata = ResponseOf<typeof metadata>;

const connectTimeoutMs = 5_000;
const defaultTimeoutMs = 30_000;

export class KafkaClient implements Disposable {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly #bootstrap: readonly BrokerAddress[];
  readonly #connectionOptions: ConnectionOptions;
  /** By "host:port". */
  readonly #connections = new Map<string, Promise<BrokerConnection>>();
  #brokers = new Map<number, BrokerAddress>();

  constructor(options: KafkaClientOptions) {
    this.clock = options.clock;
    this.timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    this.signal = options.signal;
    this.#bootstrap = options.bootstrap;
    this.#connectionOptions = {
      clock: options.clock,
      clientId: options.clientId ?? 'cloudtopics-cli',
      connectTimeoutMs: Math.min(connectTimeoutMs, this.timeoutMs),
      requestTimeoutMs: this.timeoutMs,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
  }

  /** Any broker: the first of the bootstrap list that answers. */
  async anyBroker(): Promise<BrokerConnection> {
    let failure: unknown;
    for (const address of this.#bootstrap) {
      try {
        return await this.#connection(address);
      } catch (error) {
        this.signal?.throwIfAborted();
        failure ??= error;
      }
    }
    throw failure ?? new EngineError('usage', 'no bootstrap address was given');
  }

  /**
   * Topics by name, or all with null. A topic that is missing comes back with its error code; with `create` the cluster may
   * create it, if its settings say so.
   */
  async metadata(topics: readonly string[] | null, create = false): Promise<ClusterMetadata> {
    const broker = await this.anyBroker();
    const answer = await broker.send(metadata, {
      topics: topics === null ? null : topics.map((name) => ({ name })),
      allowAutoTopicCreation: create,
    });
    checkBroker(answer.errorCode, 'the cluster cannot be described');
    this.#brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    return answer;
  }

  /** The broker with this id, as the last metadata named it. */
  async broker(nodeId: number): Promise<BrokerConnection> {
    const address = this.#brokers.get(nodeId);
    if (address === undefined) throw new EngineError('not-leader', `no broker has the id ${nodeId}`);
    return this.#advertised(address);
  }

  /** The broker that changes topics. */
  async controller(): Promise<BrokerConnection> {
    const answer = await this.metadata([]);
    return answer.controllerId >= 0 ? this.broker(answer.controllerId) : this.anyBroker();
  }

  async coordinator(group: string): Promise<BrokerConnection> {
    const broker = await this.anyBroker();
    const answer = await broker.send(findCoordinator, { key: group, keyType: 0 });
    checkBroker(answer.errorCode, `the coordinator of group ${group} cannot be found`, answer.errorMessage);
    return this.#advertised({ host: answer.host, port: answer.port });
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections.values())
      connection.then(
        (open) => open.close(),
        () => {},
      );
    this.#connections.clear();
  }

  async #advertised(address: BrokerAddress): Promise<BrokerConnection> {
    try {
      return await this.#connection(address);
    } catch (error) {
      this.signal?.throwIfAborted();
      if (this.#bootstrap.some(({ host, port }) => host === address.host && port === address.port)) throw error;
      throw new EngineError(
        'broker-unavailable',
        `the cluster advertises ${address.host}:${address.port}, and nothing answers there`,
        {
          cause: error,
          hint: 'cloudtopics serve --advertise HOST:PORT with an address that this machine reaches',
        },
      );
    }
  }

  async #connection(address: BrokerAddress): Promise<BrokerConnection> {
    const key = `${address.host}:${address.port}`;
    const known = this.#connections.get(key);
    if (known !== undefined) {
      const open = await known.catch(() => undefined);
      if (open?.usable) return open;
      if (this.#connections.get(key) === known) this.#connections.delete(key);
      return this.#connection(address);
    }
    const opening = BrokerConnection.open(address, this.#connectionOptions);
    this.#connections.set(key, opening);
    opening.catch(() => {
      if (this.#connections.get(key) === opening) this.#connections.delete(key);
    });
    return opening;
  }
}
