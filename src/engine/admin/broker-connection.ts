// One connection to a broker: requests go out in the order of the calls, answers come back in the same order (the protocol
// says so), many may be under way. A connection that fails rejects everything under way and is of no use any more.
// It refuses frames that are larger than any answer it asks for.

import { connect as connectSocket, type Socket } from 'node:net';
import type { Clock, Timer } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import {
  type AnyApi,
  apiVersions,
  decodeResponse,
  encodeRequest,
  type RequestInput,
  type ResponseOf,
} from '../wire/wire.ts';
import { checkBroker } from './broker-error.ts';

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export interface ConnectionOptions {
  readonly clock: Clock;
  readonly clientId: string;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly signal?: AbortSignal;
}

const frameBytesMax = 256 * 1024 * 1024;

/**
 * Versions above these are not asked for: Produce 13, Fetch 13, OffsetCommit 10 and OffsetFetch 10 name topics by id, and
 * OffsetFetch 8 and FindCoordinator 4 ask for several at once.
 */
const versionMax: Readonly<Record<number, number>> = { 0: 12, 1: 12, 8: 9, 9: 7, 10: 3 };

interface Waiting {
  readonly correlationId: number;
  readonly accept: (frame: Buffer) => void;
  readonly reject: (error: Error) => void;
}

export class BrokerConnection {
  readonly address: BrokerAddress;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #waiting: Waiting[] = [];
  #versions: ReadonlyMap<number, { readonly minVersion: number; readonly maxVersion: number }> = new Map();
  #nextCorrelationId = 1;
  #failure: EngineError | undefined;
  #chunks: Buffer[] = [];
  #buffered = 0;

  private constructor(address: BrokerAddress, socket: Socket, options: ConnectionOptions) {
    this.address = address;
    this.#socket = socket;
    this.#options = options;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(`the connection to ${this.#name} broke`, error));
    socket.on('close', () => this.#fail(`${this.#name} closed the connection`));
  }

  /** Connects and learns which versions the broker speaks. Throws `broker-unavailable`. */
  static async open(address: BrokerAddress, options: ConnectionOptions): Promise<BrokerConnection> {
    const socket = await openSocket(address, options);
    const connection = new BrokerConnection(address, socket, options);
    const answer = await connection.#request(apiVersions, 0, {}).catch((error: unknown) => {
      connection.close();
      throw error;
    });
    checkBroker(answer.errorCode, `${connection.#name} does not say which versions it speaks`);
    connection.#versions = new Map(answer.apiKeys.map((entry) => [entry.apiKey, entry]));
    return connection;
  }

  get usable(): boolean {
    return this.#failure === undefined;
  }

  get #name(): string {
    return `the broker at ${this.address.host}:${this.address.port}`;
  }

  /** Whether the broker speaks an API, in a version that we do. */
  versionOf(api: AnyApi): number | undefined {
    const served = this.#versions.get(api.key);
    if (served === undefined) return undefined;
    const version = Math.min(api.versions[1], versionMax[api.key] ?? api.versions[1], served.maxVersion);
    return version >= Math.max(api.versions[0], served.minVersion) ? version : undefined;
  }

  /** Sends a request in the newest version that both sides know. Throws `unsupported-version`, `request-timed-out`, … */
  async send<A extends AnyApi>(api: A, body: RequestInput<A>): Promise<ResponseOf<A>> {
    const version = this.versionOf(api);
    if (version === undefined) {
      throw new EngineError('unsupported-version', `${this.#name} does not serve ${api.name} in a version known here`);
    }
    return this.#request(api, version, body);
  }

  close(): void {
    this.#failure ??= new EngineError('cancelled', `the connection to ${this.#name} was closed here`);
    this.#socket.destroy();
    this.#rejectAll(this.#failure);
  }

  #request<A extends AnyApi>(api: A, version: number, body: RequestInput<A>): Promise<ResponseOf<A>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const { clock, clientId, requestTimeoutMs, signal } = this.#options;
    const correlationId = this.#nextCorrelationId++ & 0x7fffffff;
    const parts = encodeRequest(api, version, { correlationId, clientId }, body);
    return new Promise<ResponseOf<A>>((resolve, reject) => {
      let timer: Timer | undefined;
      const onAbort = (): void => {
        settle(() => reject(signal?.reason));
        this.close();
      };
      const settle = (then: () => void): void => {
        timer?.cancel();
        signal?.removeEventListener('abort', onAbort);
        then();
      };
      timer = clock.after(requestTimeoutMs, () => {
        const problem = `${this.#name} did not answer ${api.name} within ${requestTimeoutMs} ms`;
        this.#fail(problem, undefined, 'request-timed-out');
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push({
        correlationId,
        accept: (frame) =>
          settle(() => {
            try {
              resolve(decodeResponse(api, version, frame).body);
            } catch (error) {
              reject(error);
            }
          }),
        reject: (error) => settle(() => reject(error)),
      });
      this.#write(parts);
      if (signal?.aborted) onAbort();
    });
  }

  #write(parts: readonly Buffer[]): void {
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    while (this.#buffered >= 4) {
      const size = this.#peekLength();
      if (size < 4 || size > frameBytesMax) {
        this.#fail(
          `${this.#name} sent a frame of ${size} bytes; it may not be a Kafka broker`,
          undefined,
          'invalid-request',
        );
        return;
      }
      if (this.#buffered < size + 4) return;
      const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
      const rest = all.subarray(size + 4);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#buffered = rest.length;
      this.#deliver(all.subarray(4, size + 4));
    }
  }

  #peekLength(): number {
    const first = this.#chunks[0] as Buffer;
    if (first.length >= 4) return first.readInt32BE(0);
    this.#chunks = [Buffer.concat(this.#chunks)];
    return (this.#chunks[0] as Buffer).readInt32BE(0);
  }

  #deliver(frame: Buffer): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined || frame.readInt32BE(0) !== waiting.correlationId) {
      if (waiting !== undefined) this.#waiting.unshift(waiting);
      this.#fail(`${this.#name} answered a question that was not asked`, undefined, 'invalid-request');
      return;
    }
    waiting.accept(frame);
  }

  #fail(
    problem: string,
    cause?: unknown,
    code: 'broker-unavailable' | 'request-timed-out' | 'invalid-request' = 'broker-unavailable',
  ): void {
    if (this.#failure !== undefined) return;
    this.#failure = new EngineError(code, problem, cause === undefined ? {} : { cause });
    this.#socket.destroy();
    this.#rejectAll(this.#failure);
  }

  #rejectAll(error: EngineError): void {
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }
}

function openSocket(address: BrokerAddress, options: ConnectionOptions): Promise<Socket> {
  const { clock, connectTimeoutMs, signal } = options;
  const unreachable = (why: string, cause?: unknown): EngineError =>
    new EngineError('broker-unavailable', `no broker answers at ${address.host}:${address.port}: ${why}`, {
      context: { host: address.host, port: address.port },
      cause,
    });
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const socket = connectSocket({ host: address.host, port: address.port });
    const finish = (then: () => void): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      then();
    };
    const giveUp = (error: unknown): void => {
      finish(() => {
        socket.on('error', () => {});
        socket.destroy();
        reject(error);
      });
    };
    const onAbort = (): void => giveUp(signal?.reason);
    const timer = clock.after(connectTimeoutMs, () =>
      giveUp(unreachable(`no connection within ${connectTimeoutMs} ms`)),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => finish(() => resolve(socket)));
    socket.once('error', (error: NodeJS.ErrnoException) => giveUp(unreachable(error.code ?? error.message, error)));
  });
}
