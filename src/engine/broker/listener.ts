// The TCP server that clients connect to: accepts within limits, and looks after connections that do nothing.

import { createServer, type Server, type Socket } from 'node:net';
import type { Clock, Timer } from '../base/clock.ts';
import { EngineError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { TurnGate } from '../base/turn-gate.ts';
import { uuidv4 } from '../base/uuid.ts';
import type { BrokerConfig } from '../cluster/cluster.ts';
import type { BrokerMetrics } from './broker-metrics.ts';
import type { ComplaintLog } from './complaint-log.ts';
import { Connection, type ConnectionLimits } from './connection.ts';
import type { FrameMemory } from './frame-memory.ts';
import type { RequestRunner } from './request-runner.ts';

export interface ListenerOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly memory: FrameMemory;
  readonly runner: RequestRunner;
  readonly config: BrokerConfig;
  readonly metrics: BrokerMetrics;
  readonly complaints: ComplaintLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Of large answers: copied into sockets in a millisecond or two. */
const answerBytesPerTurn = 1024 * 1024;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #byHost = new Map<string, number>();
  readonly #answerTurns = new TurnGate(answerBytesPerTurn);
  readonly #name: string;
  #count = 0;
  #sweep: Timer | undefined;
  #stopped = false;

  private constructor(options: ListenerOptions) {
    this.#options = options;
    this.#name = uuidv4(options.random).slice(0, 8);
    this.#server = createServer({ noDelay: true, keepAlive: true, pauseOnConnect: true }, (socket) =>
      this.#accept(socket),
    );
    this.#server.on('error', (error) => options.logger.error({ error: error.message }, 'the listener failed'));
  }

  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    await listener.#listen();
    listener.#scheduleSweep();
    return listener;
  }

  /** The port in use. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : this.#options.port;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Accepts nothing more, lets requests in work finish for `graceMs`, then closes everything. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    this.#sweep?.cancel();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    let grace: Timer | undefined;
    const outOfTime = new Promise<void>((resolve) => {
      grace = this.#options.clock.after(graceMs, resolve);
    });
    await Promise.race([Promise.all([...this.#connections].map((connection) => connection.drain())), outOfTime]);
    grace?.cancel();
    for (const connection of [...this.#connections]) connection.close();
    await closed;
  }

  #listen(): Promise<void> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException) => {
        const code = error.code === 'EADDRINUSE' ? 'address-in-use' : 'usage';
        reject(new EngineError(code, `cannot listen on ${host}:${port}: ${error.message}`, { cause: error }));
      };
      this.#server.once('error', onError);
      this.#server.listen({ host, port, backlog: 1024 }, () => {
        this.#server.off('error', onError);
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    const { config, metrics, complaints } = this.#options;
    const host = socket.remoteAddress ?? 'unknown';
    const ofHost = this.#byHost.get(host) ?? 0;
    const tooMany =
      this.#connections.size >= config.number('max.connections') || ofHost >= config.number('max.connections.per.ip');
    if (tooMany || this.#stopped) {
      metrics.refusedConnections.inc();
      if (tooMany)
        complaints.warn(
          host,
          'connections',
          { connections: this.#connections.size, ofHost },
          'too many connections; one more is refused',
        );
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    this.#byHost.set(host, ofHost + 1);
    const { memory, runner, clock, logger } = this.#options;
    const connection: Connection = new Connection({
      answerTurns: this.#answerTurns,
      socket,
      id: `${this.#name}-${++this.#count}`,
      memory,
      runner,
      limits: () => this.#limits(),
      metrics,
      complaints,
      clock,
      logger,
      onClose: () => this.#closed(connection, host),
    });
    this.#connections.add(connection);
  }

  #closed(connection: Connection, host: string): void {
    this.#connections.delete(connection);
    const left = (this.#byHost.get(host) ?? 1) - 1;
    if (left === 0) this.#byHost.delete(host);
    else this.#byHost.set(host, left);
  }

  #limits(): ConnectionLimits {
    const { config } = this.#options;
    return {
      requestsMax: config.number('cloudtopics.connection.requests.max'),
      requestBytesMax: config.number('cloudtopics.connection.request.bytes.max'),
      responseBytesMax: config.number('cloudtopics.connection.response.bytes.max'),
    };
  }

  #scheduleSweep(): void {
    const { clock, config } = this.#options;
    const idleMs = config.number('connections.max.idle.ms');
    const stallMs = config.number('cloudtopics.connection.stall.ms');
    this.#sweep = clock.after(Math.min(5_000, Math.ceil(Math.min(idleMs, stallMs) / 4)), () => {
      const nowMs = clock.monotonicMs();
      for (const connection of [...this.#connections]) connection.sweep(nowMs, idleMs, stallMs);
      this.#scheduleSweep();
    });
  }
}
