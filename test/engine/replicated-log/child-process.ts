// Starts one of the scripts beside this file in a process of its own and reads its lines as they come.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export class Child {
  readonly process: ChildProcess;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stderr = '';
  readonly #lines: Interface;
  readonly #waiting: AsyncIterator<string>;

  /** `wrapper` goes before node: strace and its options. */
  constructor(script: string, args: readonly string[], wrapper: readonly string[] = []) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    const [command, ...rest] = [...wrapper, process.execPath, path, ...args] as [string, ...string[]];
    this.process = spawn(command, rest, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.process.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.exited = new Promise((resolve) => this.process.on('close', (code, signal) => resolve({ code, signal })));
    this.#lines = createInterface({ input: this.process.stdout as NodeJS.ReadableStream });
    this.#waiting = this.#lines[Symbol.asyncIterator]();
  }

  /** The next line; undefined when the output has ended. */
  async line(): Promise<string | undefined> {
    const next = await this.#waiting.next();
    return next.done === true ? undefined : next.value;
  }

  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== undefined; line = await this.line()) lines.push(line);
    return lines;
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }
}
