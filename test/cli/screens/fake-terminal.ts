// A terminal as far as the live block needs one: lines, a cursor that goes up, erased lines, a cursor that hides. It refuses
// what it does not know, so that no sequence goes unnoticed.

import { Writable } from 'node:stream';

const esc = String.fromCharCode(27);
/** A control sequence, the end of a line, or text. */
const pieces = new RegExp(`${esc}\\[([?\\d;]*)([A-Za-z])|\\n|[^${esc}\\n]+`, 'gu');

export class FakeTerminal {
  /** What somebody would see. */
  readonly lines: string[] = [''];
  cursorVisible = true;
  /** Pictures drawn so far. */
  frames = 0;
  readonly stream: NodeJS.WriteStream;
  #row = 0;
  #column = 0;

  constructor(columns = 80, rows = 24) {
    const stream = new Writable({
      decodeStrings: false,
      write: (chunk: string | Buffer, _encoding, done) => {
        this.#show(String(chunk));
        done();
      },
    });
    this.stream = Object.assign(stream, { isTTY: true, columns, rows }) as unknown as NodeJS.WriteStream;
  }

  get text(): string {
    return this.lines.join('\n').trimEnd();
  }

  #show(text: string): void {
    for (const [part, parameters, command] of text.matchAll(pieces)) {
      if (command !== undefined) this.#control(`${parameters}${command}`);
      else if (part === '\n') this.#moveTo(this.#row + 1, 0);
      else this.#put(part);
    }
  }

  #put(text: string): void {
    const line = (this.lines[this.#row] ?? '').padEnd(this.#column);
    this.lines[this.#row] = line.slice(0, this.#column) + text + line.slice(this.#column + text.length);
    this.#column += text.length;
  }

  #control(sequence: string): void {
    if (sequence === '?25l' || sequence === '?25h') this.cursorVisible = sequence === '?25h';
    else if (sequence === '?2026h') this.frames++;
    else if (sequence === '2K') this.lines[this.#row] = '';
    else if (sequence === '1A') this.#moveTo(Math.max(0, this.#row - 1), this.#column);
    else if (sequence === 'G') this.#column = 0;
    else if (sequence !== '?2026l' && !sequence.endsWith('m')) throw new Error(`unknown sequence ${sequence}`);
  }

  #moveTo(row: number, column: number): void {
    this.#row = row;
    this.#column = column;
    while (this.lines.length <= row) this.lines.push('');
  }
}
