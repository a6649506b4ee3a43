// kcat (librdkafka) as a child process: run to its end with an input, or left running while its lines are read.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ChildWatch } from './child-watch.ts';
import { endWithUs } from './server-process.ts';

export interface KcatOptions {
  readonly input?: string | Buffer;
  readonly timeoutMs?: number;
}

/** Runs kcat to its end and answers what it wrote; rejects with its messages when it fails. */
export function kcat(bootstrap: string, args: readonly string[], options: KcatOptions = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn('kcat', ['-b', bootstrap, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    });
    endWithUs(child);
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(stdout));
      else reject(new Error(`kcat ${args.join(' ')} ended with ${code ?? signal}\n${stderr}`));
    });
  });
}

/** A member of a consumer group that goes on until it is stopped; collects its lines and can be waited for. */
export class KcatMember implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  readonly #watch: ChildWatch;
  #messages = '';

  constructor(bootstrap: string, group: string, topic: string, args: readonly string[] = []) {
    this.#child = spawn('kcat', ['-b', bootstrap, '-u', ...args, '-G', group, topic], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endWithUs(this.#child);
    this.#watch = new ChildWatch(this.#child);
    this.#closed = new Promise((resolve) => this.#child.once('close', () => resolve()));
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.lines.push(line);
      this.#watch.look();
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#messages += text;
      this.#watch.look();
    });
  }

  /** What kcat said beside the records: assignments, revocations, errors. */
  get messages(): string {
    return this.#messages;
  }

  /** Resolves when the condition holds, looked at whenever kcat wrote something. */
  async until(condition: (member: KcatMember) => boolean, timeoutMs = 45_000): Promise<void> {
    await this.#watch.until(
      () => condition(this),
      timeoutMs,
      () => `${condition}\n${this.#messages}\n${this.lines.length} lines`,
    );
  }

  /** Leaves the group politely: commits and says goodbye. */
  async leave(): Promise<void> {
    this.#child.kill('SIGINT');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 15_000);
    await this.#closed;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
