// One request from the moment its frame is whole until its answer has left: the context that handlers get, its place in the
// connection's order, and the memory that is to be given back.

import type { SlabRange } from '../base/slab-pool.ts';
import type { RequestHeader } from '../wire/wire.ts';
import type { Frame } from './frame-memory.ts';
import type { RequestContext } from './handler.ts';

const noBytes = Buffer.alloc(0);

/** What is the same for all requests of a connection. */
export interface Peer {
  readonly connectionId: string;
  readonly clientHost: string;
  readonly signal: AbortSignal;
}

export class RequestInWork implements RequestContext {
  readonly startedMs: number;
  readonly frameBytes: number;
  readonly #peer: Peer;
  readonly #header: RequestHeader;
  #frame: Frame | undefined;
  #kept: Disposable[] = [];
  /** The answer; undefined while the handler works, empty when none is due. */
  parts: readonly Buffer[] | undefined;
  answerBytes = 0;
  /** The connection ends when this one's turn to answer comes. */
  closes = false;

  constructor(peer: Peer, header: RequestHeader, frame: Frame, startedMs: number) {
    this.#peer = peer;
    this.#header = header;
    this.#frame = frame;
    this.frameBytes = frame.bytes.length;
    this.startedMs = startedMs;
  }

  get apiKey(): number {
    return this.#header.apiKey;
  }

  get apiVersion(): number {
    return this.#header.apiVersion;
  }

  get correlationId(): number {
    return this.#header.correlationId;
  }

  get clientId(): string {
    return this.#header.clientId ?? '';
  }

  get clientHost(): string {
    return this.#peer.clientHost;
  }

  get connectionId(): string {
    return this.#peer.connectionId;
  }

  get signal(): AbortSignal {
    return this.#peer.signal;
  }

  get frame(): SlabRange | undefined {
    return this.#frame?.range;
  }

  /** The whole frame, header included; only before the answer. */
  get frameContent(): Buffer {
    return this.#frame?.bytes ?? noBytes;
  }

  keepUntilSent(resource: Disposable): void {
    this.#kept.push(resource);
  }

  answered(parts: readonly Buffer[]): void {
    this.parts = parts;
    for (const part of parts) this.answerBytes += part.length;
    this.releaseFrame();
  }

  releaseFrame(): void {
    this.#frame?.release();
    this.#frame = undefined;
  }

  /** The answer has left, or never will. Safe to call twice. */
  [Symbol.dispose](): void {
    this.releaseFrame();
    const kept = this.#kept;
    this.#kept = [];
    for (const resource of kept) resource[Symbol.dispose]();
  }
}
