// A Kafka client that is nothing but a socket: bytes go out as the test says, answers come back one frame at a time.

import { connect, type Socket } from 'node:net';
import {
  type AnyApi,
  decodeResponse,
  encodeRequest,
  type RequestInput,
  type ResponseOf,
} from '../../../src/engine/wire/wire.ts';

export class RawClient {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #correlationId = 0;
  #ended = false;
  #wake: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#news();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#ended = true;
      this.#news();
    });
  }

  static open(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RawClient(socket)));
    });
  }

  #news(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  encode<A extends AnyApi>(api: A, version: number, body: RequestInput<A>): Buffer {
    return Buffer.concat(encodeRequest(api, version, { correlationId: ++this.#correlationId, clientId: 'raw' }, body));
  }

  /** The correlation id of the last request. */
  get correlationId(): number {
    return this.#correlationId;
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** The next answer without its length; undefined when the connection has ended. */
  async frame(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#received.length >= 4) {
        const length = this.#received.readInt32BE(0);
        if (this.#received.length >= 4 + length) {
          const frame = this.#received.subarray(4, 4 + length);
          this.#received = this.#received.subarray(4 + length);
          return frame;
        }
      }
      if (this.#ended) return undefined;
      await new Promise<void>((wake) => this.#wake.push(wake));
    }
  }

  async answer<A extends AnyApi>(api: A, version: number): Promise<{ correlationId: number; body: ResponseOf<A> }> {
    const frame = await this.frame();
    if (frame === undefined) throw new Error('the connection ended before the answer');
    return decodeResponse(api, version, frame);
  }

  async call<A extends AnyApi>(api: A, version: number, body: RequestInput<A>): Promise<ResponseOf<A>> {
    this.write(this.encode(api, version, body));
    return (await this.answer(api, version)).body;
  }

  /** Resolves when the broker has closed the connection; answers that were sent before are dropped. */
  async ended(): Promise<void> {
    while ((await this.frame()) !== undefined);
  }

  destroy(): void {
    this.socket.destroy();
  }
}
