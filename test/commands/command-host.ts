// Many command lines in one process: loading the program anew for each would take most of a test's time. For commands that only
// read; what signals, pipes and crashes do is tested with processes of their own (run-command.ts).

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Ran, root } from './run-command.ts';

export type HostedRan = Omit<Ran, 'bytes'>;

interface Order {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export class CommandHost implements Disposable {
  readonly #child: ChildProcess;

  constructor() {
    const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env;
    this.#child = fork(fileURLToPath(import.meta.url), ['host'], {
      execArgv: [],
      env: { PATH, HOME, TMPDIR },
      cwd: fileURLToPath(root),
    });
  }

  /** One at a time. */
  run(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<HostedRan> {
    return new Promise((resolve, reject) => {
      const onExit = (status: number | null): void => reject(new Error(`the host of commands ended with ${status}`));
      this.#child.once('exit', onExit);
      this.#child.once('message', (ran) => {
        this.#child.off('exit', onExit);
        resolve(ran as HostedRan);
      });
      this.#child.send({ argv, env } satisfies Order);
    });
  }

  [Symbol.dispose](): void {
    this.#child.disconnect();
  }
}

async function host(): Promise<void> {
  const { runCommandLine } = await import('../../src/cli/main.ts');
  process.stdout.setMaxListeners(0);
  process.stderr.setMaxListeners(0);
  process.on('message', ({ argv, env }: Order) => {
    const written = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      process[name].write = ((bytes: Uint8Array | string) => {
        written[name] += typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString();
        return true;
      }) as typeof process.stdout.write;
    }
    Object.assign(process.env, env);
    void runCommandLine(argv, root, false).then((status) => {
      for (const name of Object.keys(env)) delete process.env[name];
      process.send?.({ status, ...written } satisfies HostedRan);
    });
  });
}

if (process.argv[2] === 'host') await host();
