// What one Kafka API is to the broker: its wire definition and a function from request to response.
//
// Handlers are pure of sockets: they get the decoded request, the context of the connection and the services of the broker.
// - a handler is *called* in the order in which its connection's requests arrived; whatever it does before its first await
//   happens in that order. Handlers of one connection then run concurrently; their answers are sent in request order
// - what concerns a topic, partition or group goes into the response as its error code. An EngineError that a handler throws
//   becomes the API's whole-request error; anything else that is thrown is logged as a bug and answered with −1
// - memory that a response refers to is handed over with `context.keepUntilSent` and disposed once the bytes have left, or the
//   connection has died

import type { Clock } from '../base/clock.ts';
import type { TopicId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { SlabRange } from '../base/slab-pool.ts';
import type { BrokerConfig, ControlState } from '../cluster/cluster.ts';
import type { Coordinator } from '../coordinator/coordinator.ts';
import type { Partition } from '../partition/partition.ts';
import type { AnyApi, RequestOf, ResponseInput } from '../wire/wire.ts';
import type { FetchState } from './fetch-state.ts';

/** What is known of a request beside its body. */
export interface RequestContext {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  /** Empty where the client sent none. */
  readonly clientId: string;
  /** The peer's address, as DescribeGroups shows it: "127.0.0.1". */
  readonly clientHost: string;
  /** Unique in this process. */
  readonly connectionId: string;
  /** Aborted when the connection is gone or the broker stops: nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** The slab memory the whole frame lies in (Produce only). Pinned by the connection until the handler has settled. */
  readonly frame: SlabRange | undefined;
  /** Disposes `resource` when the response has been written or can no longer be. */
  keepUntilSent(resource: Disposable): void;
}

/** Returned by a handler whose client does not expect an answer (Produce with acks=0). */
export const noResponse: unique symbol = Symbol('no response');
/** Likewise, when something went wrong: losing the connection is all that such a client can notice. */
export const closeConnection: unique symbol = Symbol('close connection');

export type Answer<A extends AnyApi> = ResponseInput<A> | typeof noResponse | typeof closeConnection;

export interface BrokerServices {
  readonly clusterId: string;
  /** Always 1 until there are many brokers. */
  readonly nodeId: number;
  /** What Metadata, FindCoordinator and DescribeCluster tell clients to connect to. */
  readonly advertised: { readonly host: string; readonly port: number };
  readonly control: ControlState;
  readonly config: BrokerConfig;
  readonly partitions: PartitionDirectory;
  readonly coordinator: Coordinator;
  readonly fetch: FetchState;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The partitions this broker leads. */
export interface PartitionDirectory {
  /** Undefined while it is being opened (or when it failed to): clients are told NOT_LEADER_OR_FOLLOWER and try again. */
  get(topicId: TopicId, index: number): Partition | undefined;
}

export type Handler<A extends AnyApi> = (
  request: RequestOf<A>,
  context: RequestContext,
  broker: BrokerServices,
) => Promise<Answer<A>> | Answer<A>;

/** Builds the response that refuses a request as a whole, for APIs that say so per topic or group. */
export type Refusal<A extends AnyApi> = (request: RequestOf<A>, errorCode: number, message: string) => ResponseInput<A>;

/** One API as the broker serves it. */
export interface ServedApi {
  readonly api: AnyApi;
  readonly handle: Handler<AnyApi>;
  readonly refuse: Refusal<AnyApi> | undefined;
}

/**
 * Ties a handler to its wire definition; the only place where the pair's types are forgotten. `refuse` may be left out where
 * the response has an errorCode at its top.
 */
export function serve<A extends AnyApi>(api: A, handle: Handler<A>, refuse?: Refusal<A>): ServedApi {
  return {
    api,
    handle: handle as unknown as Handler<AnyApi>,
    refuse: refuse as unknown as Refusal<AnyApi> | undefined,
  };
}
