// A server run as a child process by a test or a benchmark: started, awaited by a line it prints or a probe of ours,
// stopped politely or killed. It never outlives the process that started it. What it printed is kept (bounded), so
// that a failure can be told with the server's own words.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Tells from a line of stdout that the server is ready; without it `probe` decides. */
  readonly isReadyLine?: (line: string) => boolean;
  /** Asked again and again until it resolves to true. */
  readonly probe?: () => Promise<boolean>;
  readonly readyTimeoutMs?: number;
}

const outputLinesMax = 400;
const running = new Set<ChildProcess>();

/** Sees to it that the child does not outlive this process, however it ends (short of SIGKILL). */
export function endWithUs(child: ChildProcess): void {
  if (running.size === 0 && !watching) {
    watching = true;
    process.once('exit', () => {
      for (const each of running) each.kill('SIGKILL');
    });
    process.once('SIGINT', () => process.exit(130));
    process.once('SIGTERM', () => process.exit(143));
  }
  running.add(child);
  child.once('close', () => running.delete(child));
}

let watching = false;

export class ServerProcess implements AsyncDisposable {
  readonly pid: number;
  /** The line that said the server is ready; empty where a probe decided. */
  readonly readyLine: string;
  readonly exited: Promise<number | string>;
  readonly #child: ChildProcess;
  readonly #lines: string[];

  private constructor(child: ChildProcess, lines: string[], exited: Promise<number | string>, readyLine: string) {
    this.#child = child;
    this.#lines = lines;
    this.pid = child.pid!;
    this.exited = exited;
    this.readyLine = readyLine;
  }

  static async start(server: ServerCommand): Promise<ServerProcess> {
    const child = spawn(server.command, [...server.args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...server.env },
      ...(server.cwd === undefined ? {} : { cwd: server.cwd }),
    });
    endWithUs(child);
    const lines: string[] = [];
    const keep = (line: string) => {
      lines.push(line);
      if (lines.length > outputLinesMax) lines.shift();
    };
    const ready = Promise.withResolvers<string>();
    createInterface({ input: child.stdout! }).on('line', (line) => {
      keep(line);
      if (server.isReadyLine?.(line)) ready.resolve(line);
    });
    createInterface({ input: child.stderr! }).on('line', keep);
    const exited = new Promise<number | string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      // 'close' comes after the last output; a killed server's pipes close with it.
      child.once('close', (code, signal) => resolve(code ?? signal ?? 'gone'));
    });
    const told = () => `${server.name}: ${server.command} ${server.args.join(' ')}\n${lines.slice(-40).join('\n')}`;
    const deadline = Date.now() + (server.readyTimeoutMs ?? 30_000);
    const gone = exited.then((status) => {
      throw new Error(`${server.name} ended (${status}) before it was ready\n${told()}`);
    });
    try {
      const readyLine = await Promise.race([
        gone,
        server.isReadyLine === undefined ? probeUntil(server.probe!, deadline) : ready.promise,
        timeOut(deadline, () => new Error(`${server.name} was not ready in time\n${told()}`)),
      ]);
      gone.catch(() => {});
      return new ServerProcess(child, lines, exited, readyLine);
    } catch (error) {
      gone.catch(() => {});
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** The last lines it printed, stdout and stderr together. */
  output(): string {
    return this.#lines.join('\n');
  }

  isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** SIGTERM, and SIGKILL when that is not followed within the time. Resolves to the exit status. */
  async stop(timeoutMs = 20_000): Promise<number | string> {
    if (this.isRunning()) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
    const status = await this.exited;
    clearTimeout(timer);
    return status;
  }

  /** SIGKILL: no farewell, no flush. Resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(5_000);
  }
}

async function probeUntil(probe: () => Promise<boolean>, deadline: number): Promise<string> {
  while (Date.now() < deadline) {
    if (await probe().catch(() => false)) return '';
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return new Promise(() => {});
}

function timeOut(deadline: number, error: () => Error): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(error()), deadline - Date.now()).unref());
}

/**
 * A port on 127.0.0.1 that nobody listens on. Chosen below the range from which the system takes the ports of
 * outgoing connections, so that it is still free when a killed server wants it back.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(15_000, 32_000);
    if (await canListen(port)) return port;
  }
  throw new Error('no free port found on 127.0.0.1');
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
