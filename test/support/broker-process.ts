// Our broker as a child process, started from the sources: `serve --json` prints one JSON line when it is ready.
// A stopped or killed broker can be started again with the same directory and the same ports, as clients expect.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { freePort, ServerProcess } from './server-process.ts';

const runScript = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export interface BrokerOptions {
  /** Holds `data/`, and `bucket/` unless `store` names another place. */
  readonly directory: string;
  /** A store URL; by default a directory beside the data. */
  readonly store?: string;
  readonly port?: number;
  readonly adminPort?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** More flags of `serve`. */
  readonly flags?: readonly string[];
  /** Flags of node itself, for profiles. */
  readonly nodeFlags?: readonly string[];
}

export class BrokerProcess implements AsyncDisposable {
  readonly bootstrap: string;
  readonly admin: string;
  readonly dataDirectory: string;
  readonly store: string;
  readonly #options: BrokerOptions;
  #server: ServerProcess | undefined;

  private constructor(options: BrokerOptions, port: number, adminPort: number) {
    this.#options = options;
    this.bootstrap = `127.0.0.1:${port}`;
    this.admin = `http://127.0.0.1:${adminPort}`;
    this.dataDirectory = join(options.directory, 'data');
    this.store = options.store ?? pathToFileURL(join(options.directory, 'bucket')).href;
  }

  static async start(options: BrokerOptions): Promise<BrokerProcess> {
    await mkdir(join(options.directory, 'bucket'), { recursive: true });
    const broker = new BrokerProcess(
      options,
      options.port ?? (await freePort()),
      options.adminPort ?? (await freePort()),
    );
    await broker.restart();
    return broker;
  }

  /** Starts the broker again on the same directory and ports. It must not be running. */
  async restart(): Promise<void> {
    const { nodeFlags = [], flags = [], env = {} } = this.#options;
    this.#server = await ServerProcess.start({
      name: 'cloudtopics',
      command: process.execPath,
      args: [
        ...nodeFlags,
        runScript,
        'serve',
        '--data-dir',
        this.dataDirectory,
        '--store',
        this.store,
        '--listen',
        this.bootstrap,
        '--admin',
        this.admin.slice('http://'.length),
        '--json',
        ...flags,
      ],
      env: { CLOUDTOPICS_FROM_SOURCES: '1', ...env },
      isReadyLine: (line) => line.startsWith('{') && line.includes(this.bootstrap.split(':')[1]!),
    });
  }

  get pid(): number {
    return this.#server!.pid;
  }

  /** The JSON line it printed when it was ready. */
  get ready(): unknown {
    return JSON.parse(this.#server!.readyLine);
  }

  /** The last lines of stdout and stderr. */
  output(): string {
    return this.#server?.output() ?? '';
  }

  isRunning(): boolean {
    return this.#server?.isRunning() ?? false;
  }

  /** SIGTERM; resolves to the exit status. */
  async stop(): Promise<number | string> {
    return (await this.#server?.stop()) ?? 0;
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#server?.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.stop(5_000);
  }
}
