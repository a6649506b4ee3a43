// A child whose lines are read as they come, until one is the last that is wanted; then it is killed.

import { spawn } from 'node:child_process';
import { endWithUs } from './server-process.ts';

export interface LineSource {
  readonly command: string;
  readonly args: readonly string[];
  /** For the error. */
  readonly what: string;
  /** Without a line for so long, it is said to hang. */
  readonly stallMs: number;
}

/** `take` answers whether the line was the last. Rejects when the child ends before, or says nothing any more. */
export async function readLines(source: LineSource, take: (line: string) => boolean): Promise<void> {
  const { command, args, what, stallMs } = source;
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  endWithUs(child);
  const closed = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(String(code ?? signal)));
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4_000);
  });
  const done = Promise.withResolvers<void>();
  let lines = 0;
  let linesBefore = -1;
  const timer = setInterval(() => {
    if (lines === linesBefore)
      done.reject(new Error(`${command}, ${what}: nothing comes behind line ${lines}\n${stderr}`));
    linesBefore = lines;
  }, stallMs);
  let rest = '';
  let isDone = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    rest += text;
    let at = 0;
    for (let end = rest.indexOf('\n'); end >= 0 && !isDone; end = rest.indexOf('\n', at)) {
      lines++;
      isDone = take(rest.slice(at, end));
      at = end + 1;
    }
    rest = rest.slice(at);
    if (isDone) done.resolve();
  });
  try {
    const ended = closed.then((status) => {
      if (!isDone) throw new Error(`${command}, ${what}: ended with ${status} behind line ${lines}\n${stderr}`);
    });
    ended.catch(() => {});
    await Promise.race([done.promise, ended]);
  } finally {
    clearInterval(timer);
    child.kill('SIGKILL');
    await closed;
  }
}
