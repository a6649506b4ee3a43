// Where results go. stdout carries the result and nothing else; remarks, warnings and progress go to stderr.
// Writing waits for a slow reader, so memory stays bounded. A reader that closes the pipe ends the command well:
// `closed` is aborted, later writes are dropped, and the exit status stays 0.

import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { type Colors, noColors } from './colors.ts';

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** For what is printed on stderr. */
  readonly colors: Colors;
}

export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly colors: Colors;
  readonly #stdout: Writable;
  readonly #stderr: Writable;
  readonly #closed = new AbortController();

  constructor(
    options: Partial<OutputOptions> = {},
    stdout: Writable = process.stdout,
    stderr: Writable = process.stderr,
  ) {
    this.json = options.json ?? false;
    this.quiet = options.quiet ?? false;
    this.verbose = options.verbose ?? false;
    this.colors = options.colors ?? noColors;
    this.#stdout = stdout;
    this.#stderr = stderr;
    stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
      this.#closed.abort();
    });
    stderr.on('error', () => {});
  }

  /** Aborted when nobody reads stdout any more. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** Writes bytes as they are; resolves when more may be written. */
  async write(bytes: Uint8Array | string): Promise<void> {
    if (this.closed.aborted) return;
    if (this.#stdout.write(bytes) || this.closed.aborted) return;
    await once(this.#stdout, 'drain', { signal: this.closed }).catch(() => {});
  }

  /** The result: an object under --json, else the text. */
  async result(json: object, text: () => string | Promise<string>): Promise<void> {
    if (this.json) return this.write(`${JSON.stringify(json, undefined, 2)}\n`);
    const shown = await text();
    if (shown !== '') await this.write(shown.endsWith('\n') ? shown : `${shown}\n`);
  }

  /** One element of an unbounded result: a line of JSON. */
  line(json: object): Promise<void> {
    return this.write(`${JSON.stringify(json)}\n`);
  }

  /** Something worth knowing that is not the result. */
  remark(text: string): void {
    if (!this.quiet) this.#stderr.write(`${text}\n`);
  }

  detail(text: string): void {
    if (this.verbose) this.#stderr.write(`${this.colors.dim(text)}\n`);
  }

  warn(text: string): void {
    this.#stderr.write(`${this.colors.risk('warning:')} ${text}\n`);
  }
}
