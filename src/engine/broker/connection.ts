// One client connection.
//
// - requests are started in the order in which they arrive, run concurrently, and are answered in that order
// - reading stops (and the client's TCP window closes) while: too many requests or request bytes are in work, answers wait
//   for a slow client, or there is no memory for the next frame. Nothing is dropped, nothing grows
// - all memory of a request is given back when its answer has left or the socket has died
// - what cannot be understood ends this connection and nothing else

import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { toEngineError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { TurnGate } from '../base/turn-gate.ts';
import { fetch, type ReceivedRequest, receiveRequest } from '../wire/wire.ts';
import { AnswerSender } from './answer-sender.ts';
import type { BrokerMetrics } from './broker-metrics.ts';
import type { ComplaintLog } from './complaint-log.ts';
import { FrameAssembler } from './frame-assembler.ts';
import type { Frame, FrameMemory } from './frame-memory.ts';
import { readThroughOneBuffer } from './one-buffer-read.ts';
import { type Peer, RequestInWork } from './request-in-work.ts';
import type { Answered, RequestRunner } from './request-runner.ts';
import { sentBytes } from './socket-progress.ts';
import { StallWatch } from './stall-watch.ts';

export interface ConnectionLimits {
  readonly requestsMax: number;
  readonly requestBytesMax: number;
  readonly responseBytesMax: number;
}

export interface ConnectionOptions {
  /** As accepted, not read from yet. */
  readonly socket: Socket;
  readonly id: string;
  readonly memory: FrameMemory;
  readonly runner: RequestRunner;
  /** For large answers of all connections. */
  readonly answerTurns: TurnGate;
  readonly limits: () => ConnectionLimits;
  readonly metrics: BrokerMetrics;
  readonly complaints: ComplaintLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onClose: () => void;
}

/**
 * Fetches of one connection in work at a time. Their answers are large and not known when they start: a client that sends many at
 * once would otherwise take the fetch memory of all others.
 */
const fetchesMax = 4;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #sender: AnswerSender;
  readonly #assembler: FrameAssembler;
  readonly #abort = new AbortController();
  readonly #peer: Peer;
  /** In request order; those at the front that are answered have not left only because the socket is slow. */
  readonly #working: RequestInWork[] = [];
  readonly #leaving = new Set<RequestInWork>();
  #workingBytes = 0;
  #workingFetches = 0;
  #answerBytes = 0;
  #lastTrafficMs: number;
  readonly #requestWatch = new StallWatch();
  readonly #answerWatch = new StallWatch();
  /** Counts how often answers began to leave when none was leaving. */
  #answerRuns = 0;
  #paused = false;
  #waitsForMemory = false;
  #draining = false;
  /** An answer has ended the connection: no later one may go behind it. */
  #ending = false;
  #closed = false;
  #pumping = false;
  #drained: (() => void) | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#assembler = new FrameAssembler(options.memory);
    const socket = readThroughOneBuffer(options.socket, (bytes) => this.#onBytes(bytes));
    this.#socket = socket;
    this.#sender = new AnswerSender(socket, options.answerTurns);
    this.#peer = { connectionId: options.id, clientHost: hostOf(socket), signal: this.#abort.signal };
    this.#lastTrafficMs = options.clock.monotonicMs();
    socket.on('error', (error) => options.logger.debug({ peer: this.peer, error: error.message }, 'connection failed'));
    socket.on('end', () => this.close());
    socket.on('close', () => this.#onClose());
    socket.resume();
  }

  get peer(): string {
    return this.#peer.clientHost;
  }

  /** Stops reading, lets what is in work finish, and closes; long polls are woken. */
  drain(): Promise<void> {
    this.#draining = true;
    this.#socket.pause();
    this.#abort.abort();
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
      this.#closeWhenDrained();
    });
  }

  close(): void {
    if (!this.#closed) this.#socket.destroy();
    this.#onClose();
  }

  /** Closes the connection when nothing, or too little, has moved on it for too long. */
  sweep(nowMs: number, idleMs: number, stallMs: number): void {
    const busy = this.#working.length > 0 || this.#leaving.size > 0;
    if (!busy && !this.#assembler.midFrame && nowMs - this.#lastTrafficMs > idleMs) {
      this.close();
    } else if (this.#requestStalled(nowMs, stallMs)) {
      this.#complain('stalled', {}, 'a request stopped in the middle; its connection is closed');
      this.close();
    } else if (this.#answerStalled(nowMs, stallMs)) {
      this.#complain('stalled', {}, 'a client does not read its answers; its connection is closed');
      this.close();
    }
  }

  #requestStalled(nowMs: number, stallMs: number): boolean {
    if (!this.#assembler.midFrame) {
      this.#requestWatch.rest();
      return false;
    }
    return this.#requestWatch.look({
      nowMs,
      stallMs,
      movedBytes: this.#socket.bytesRead,
      transfer: this.#assembler.framesRead,
      held: this.#paused || this.#waitsForMemory,
    });
  }

  #answerStalled(nowMs: number, stallMs: number): boolean {
    if (this.#leaving.size === 0) {
      this.#answerWatch.rest();
      return false;
    }
    return this.#answerWatch.look({
      nowMs,
      stallMs,
      movedBytes: sentBytes(this.#socket),
      transfer: this.#answerRuns,
      held: false,
    });
  }

  #complain(kind: string, fields: Record<string, unknown>, message: string): void {
    this.#options.complaints.warn(this.peer, kind, fields, message);
  }

  /** `bytes` are gone when this returns; what cannot be placed yet is copied. */
  #onBytes(bytes: Buffer): void {
    this.#lastTrafficMs = this.#options.clock.monotonicMs();
    this.#assembler.feed(bytes);
    this.#pump();
    this.#assembler.ownChunk();
  }

  /** Starts every request that is whole and may be started. Not recursive: a handler may answer at once. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (!this.#closed && !this.#draining && this.#step());
    this.#pumping = false;
  }

  /** False when there is nothing more to do for now. */
  #step(): boolean {
    if (this.#waitsForMemory || this.#isFull()) {
      this.#pause();
      return false;
    }
    let next: Frame | 'bytes' | 'memory';
    try {
      next = this.#assembler.next();
    } catch (error) {
      const fields = { error: toEngineError(error).message };
      this.#complain('size', fields, 'a request has an impossible size; its connection is closed');
      this.close();
      return false;
    }
    if (next === 'bytes') this.#resume();
    else if (next === 'memory') this.#waitForMemory();
    else this.#start(next);
    return next !== 'bytes';
  }

  #isFull(): boolean {
    const limits = this.#options.limits();
    return (
      this.#working.length >= limits.requestsMax ||
      this.#workingFetches >= fetchesMax ||
      this.#workingBytes >= limits.requestBytesMax ||
      this.#answerBytes >= limits.responseBytesMax
    );
  }

  #waitForMemory(): void {
    this.#waitsForMemory = true;
    this.#options.metrics.memoryWaits.inc();
    this.#assembler.whenMemory(() => {
      this.#waitsForMemory = false;
      this.#pump();
    });
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  #start(frame: Frame): void {
    let request: ReceivedRequest;
    try {
      request = receiveRequest(frame.bytes);
    } catch (error) {
      frame.release();
      this.#complain(
        'malformed',
        { error: toEngineError(error).message },
        'a request header cannot be read; its connection is closed',
      );
      this.close();
      return;
    }
    const work = new RequestInWork(this.#peer, request.header, frame, this.#options.clock.monotonicMs());
    this.#working.push(work);
    this.#workingBytes += work.frameBytes;
    if (work.apiKey === fetch.key) this.#workingFetches++;
    this.#options.metrics.requestStarted(work.apiKey, work.frameBytes);
    const answered = this.#options.runner.run(request, work);
    if (answered instanceof Promise) void answered.then((parts) => this.#finish(work, parts));
    else this.#finish(work, answered);
  }

  #finish(work: RequestInWork, answer: Answered): void {
    if (answer === 'close') work.closes = true;
    work.answered(answer === 'close' ? [] : answer);
    this.#options.metrics.requestFinished(
      work.apiKey,
      work.answerBytes,
      this.#options.clock.monotonicMs() - work.startedMs,
    );
    if (this.#closed) {
      work[Symbol.dispose]();
      return;
    }
    this.#answerBytes += work.answerBytes;
    this.#flush();
  }

  /** Sends the answers at the front whose turn has come. */
  #flush(): void {
    while (!this.#ending && this.#working[0]?.parts !== undefined) {
      const work = this.#working.shift() as RequestInWork;
      this.#workingBytes -= work.frameBytes;
      if (work.apiKey === fetch.key) this.#workingFetches--;
      if (work.closes) {
        this.#endAfter(work);
        return;
      }
      const parts = work.parts as readonly Buffer[];
      if (parts.length === 0) {
        work[Symbol.dispose]();
        continue;
      }
      if (this.#leaving.size === 0) this.#answerRuns++;
      this.#leaving.add(work);
      this.#sender.send(parts, work.answerBytes, () => this.#left(work));
    }
    if (this.#paused && !this.#draining) this.#pump();
    this.#closeWhenDrained();
  }

  #left(work: RequestInWork): void {
    if (!this.#leaving.delete(work)) return;
    this.#answerBytes -= work.answerBytes;
    this.#lastTrafficMs = this.#options.clock.monotonicMs();
    work[Symbol.dispose]();
    if (this.#paused && !this.#closed) this.#pump();
    this.#closeWhenDrained();
  }

  /** What was answered before still leaves; nothing more is read. */
  #endAfter(work: RequestInWork): void {
    work[Symbol.dispose]();
    this.#ending = true;
    this.#draining = true;
    this.#socket.pause();
    this.#abort.abort();
    this.#sender.end(() => this.close());
  }

  #closeWhenDrained(): void {
    if (!this.#draining || this.#working.length > 0 || this.#leaving.size > 0) return;
    if (this.#drained !== undefined) this.close();
  }

  #onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort();
    this.#assembler.close();
    // Requests whose handlers still work give their memory back when those settle.
    for (const work of this.#working) if (work.parts !== undefined) work[Symbol.dispose]();
    for (const work of this.#leaving) work[Symbol.dispose]();
    this.#leaving.clear();
    this.#drained?.();
    this.#options.onClose();
  }
}

/** "127.0.0.1", also for an IPv4 client on an IPv6 socket. */
function hostOf(socket: Socket): string {
  return (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
}
