// Hands the answers of one connection to its socket, in order.
//
// - small answers go at once; those of one turn of the event loop leave with one system call
// - a large one goes piece by piece: the next when the kernel has taken the last, and when the gate lets it pass. Copying 10 MiB into a
//   socket at once would keep everybody else waiting for 10 ms
// - nothing is copied; of a large answer, one piece waits in the socket

import type { Socket } from 'node:net';
import type { TurnGate } from '../base/turn-gate.ts';

export const pieceBytesMax = 512 * 1024;

interface LargeAnswer {
  readonly parts: readonly Buffer[];
  readonly left: () => void;
  /** Where the next piece begins: in which part, and where in it. */
  part: number;
  at: number;
}

export class AnswerSender {
  readonly #socket: Socket;
  readonly #gate: TurnGate;
  /** Large ones, and those behind them. */
  readonly #queue: LargeAnswer[] = [];
  /** A piece is at the gate or on its way to the kernel. */
  #sending = false;
  #corked = false;
  #ended: (() => void) | undefined;

  constructor(socket: Socket, gate: TurnGate) {
    this.#socket = socket;
    this.#gate = gate;
  }

  /** `left` is called when the kernel has all of it; perhaps also when the socket dies before. */
  send(parts: readonly Buffer[], bytes: number, left: () => void): void {
    if (bytes <= pieceBytesMax && this.#queue.length === 0) {
      this.#write(parts, left);
      return;
    }
    this.#queue.push({ parts, left, part: 0, at: 0 });
    if (!this.#sending) this.#sendPiece();
  }

  /** Closes the sending side behind all that was sent before. */
  end(ended: () => void): void {
    this.#ended = ended;
    if (this.#queue.length === 0) this.#end();
  }

  #sendPiece(): void {
    const answer = this.#queue[0];
    this.#sending = answer !== undefined;
    if (answer === undefined) {
      this.#end();
      return;
    }
    const { parts, bytes } = nextPiece(answer);
    const turn = this.#gate.pass(bytes);
    if (turn === undefined) this.#writePiece(answer, parts);
    else void turn.then(() => this.#writePiece(answer, parts));
  }

  #writePiece(answer: LargeAnswer, parts: readonly Buffer[]): void {
    if (this.#socket.destroyed) {
      this.#queue.length = 0;
      this.#sending = false;
      return;
    }
    this.#write(parts, () => {
      const isLast = answer.part === answer.parts.length;
      if (isLast) this.#queue.shift();
      this.#sendPiece();
      // In the end: it may send the next answer.
      if (isLast) answer.left();
    });
  }

  #write(parts: readonly Buffer[], written: () => void): void {
    this.#cork();
    for (let at = 0; at < parts.length - 1; at++) this.#socket.write(parts[at] as Buffer);
    this.#socket.write(parts.at(-1) as Buffer, written);
  }

  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(() => this.#uncork());
  }

  #uncork(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }

  #end(): void {
    const ended = this.#ended;
    if (ended === undefined) return;
    this.#ended = undefined;
    this.#uncork();
    this.#socket.end(ended);
  }
}

/** Moves the answer on by a piece. */
function nextPiece(answer: LargeAnswer): { readonly parts: readonly Buffer[]; readonly bytes: number } {
  const parts: Buffer[] = [];
  let bytes = 0;
  while (answer.part < answer.parts.length && bytes < pieceBytesMax) {
    const whole = answer.parts[answer.part] as Buffer;
    const end = Math.min(whole.length, answer.at + pieceBytesMax - bytes);
    parts.push(answer.at === 0 && end === whole.length ? whole : whole.subarray(answer.at, end));
    bytes += end - answer.at;
    answer.at = end;
    if (end < whole.length) break;
    answer.part++;
    answer.at = 0;
  }
  return { parts, bytes };
}
