// Runs the command as a user would: its own process, from the sources, with nothing of the tests' environment.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const root = new URL('../../', import.meta.url);
const script = fileURLToPath(new URL('bin/run.js', root));

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Buffer;
}

export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly input?: Uint8Array | string;
  readonly cwd?: string;
}

export function startCommand(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env;
  return spawn(process.execPath, [script, ...args], {
    env: { PATH, HOME, TMPDIR, ...options.env },
    cwd: options.cwd ?? fileURLToPath(root),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

export async function runCommand(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = startCommand(args, options);
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input ?? '');
  const [stdout, stderr, [status]] = await Promise.all([
    collected(child.stdout as NodeJS.ReadableStream),
    collected(child.stderr as NodeJS.ReadableStream),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { status, stdout: stdout.toString(), stderr: stderr.toString(), bytes: stdout };
}

async function collected(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
