// Apache Kafka as a child process (single node, KRaft) and its command line tools, from the jars that
// `.ci/install-tools kafka` put into .cache/. The interop suites check themselves against it; the benchmarks
// compare with it.

import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { endWithUs, freePort, ServerProcess } from './server-process.ts';

export const checkout = fileURLToPath(new URL('../..', import.meta.url));
const libs = join(checkout, '.cache/kafka/libs');
const classPath = `${join(libs, '*')}:${join(checkout, '.cache/kafka/classes')}`;

export function hasKafka(): boolean {
  return existsSync(libs);
}

export interface KafkaOptions {
  readonly directory: string;
  readonly port?: number;
  readonly heap?: string;
  /** Lines added to server.properties. */
  readonly properties?: readonly string[];
}

export class KafkaProcess implements AsyncDisposable {
  readonly bootstrap: string;
  #server: ServerProcess | undefined;
  readonly #options: KafkaOptions;

  private constructor(options: KafkaOptions, bootstrap: string) {
    this.#options = options;
    this.bootstrap = bootstrap;
  }

  /** Formats the directory, unless it was formatted before, and starts the broker. */
  static async start(options: KafkaOptions): Promise<KafkaProcess> {
    const port = options.port ?? (await freePort());
    const controllerPort = await freePort();
    await mkdir(options.directory, { recursive: true });
    const config = join(options.directory, 'server.properties');
    await writeFile(config, serverProperties(options, port, controllerPort));
    if (!existsSync(join(options.directory, 'kraft'))) {
      await promisify(execFile)('java', [
        '-XX:TieredStopAtLevel=1', '-cp', classPath,
        'kafka.tools.StorageTool', 'format', '-t', '4L6g3nShT-eMCtK--X86sw', '-c', config, '--standalone',
      ]); // biome-ignore format: one argument list
    }
    const kafka = new KafkaProcess(options, `127.0.0.1:${port}`);
    await kafka.restart();
    return kafka;
  }

  /** Starts the broker again in the same directory, on the same port. It must not be running. */
  async restart(): Promise<void> {
    const heap = this.#options.heap ?? '1G';
    const [host, port] = this.bootstrap.split(':') as [string, string];
    this.#server = await ServerProcess.start({
      name: 'Apache Kafka',
      command: 'java',
      args: [
        `-Xmx${heap}`, `-Xms${heap}`, '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20',
        '-XX:InitiatingHeapOccupancyPercent=35', '-XX:+ExplicitGCInvokesConcurrent', '-Djava.awt.headless=true',
        '-cp', classPath, 'kafka.Kafka', join(this.#options.directory, 'server.properties'),
      ], // biome-ignore format: one argument list
      probe: () => answersApiVersions(host, Number(port)),
      readyTimeoutMs: 90_000,
    });
  }

  get pid(): number {
    return this.#server!.pid;
  }

  output(): string {
    return this.#server?.output() ?? '';
  }

  async stop(): Promise<void> {
    await this.#server?.stop(60_000);
  }

  async kill(): Promise<void> {
    await this.#server?.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.kill();
  }
}

function serverProperties(options: KafkaOptions, port: number, controllerPort: number): string {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
    'inter.broker.listener.name=PLAINTEXT',
    'controller.listener.names=CONTROLLER',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    `log.dirs=${join(options.directory, 'kraft')}`,
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=4',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'share.coordinator.state.topic.replication.factor=1',
    'share.coordinator.state.topic.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    ...(options.properties ?? []),
    '',
  ].join('\n');
}

/** Asks the oldest ApiVersions there is: a broker that answers it serves clients, one that only listens may not yet. */
function answersApiVersions(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2_000, () => done(false));
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
    socket.once('data', () => done(true));
    socket.once('connect', () => socket.write(Buffer.from('0000000e00120000000000010004726561' + '64', 'hex')));
  });
}

export interface JavaToolOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Tools that live for a second or two are started faster without the optimizing compiler. */
  readonly shortLived?: boolean;
  readonly heap?: string;
}

/** Runs a main class of Kafka's (or ours beside it) to its end; rejects with its output when it fails. */
export function runJavaTool(
  mainClass: string,
  args: readonly string[],
  options: JavaToolOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('java', javaArguments(mainClass, args, options.shortLived, options.heap), {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 120_000,
      killSignal: 'SIGKILL',
    });
    endWithUs(child);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${mainClass} ${args.join(' ')} ended with ${code ?? signal}\n${stdout}\n${stderr}`));
    });
  });
}

export function javaArguments(mainClass: string, args: readonly string[], shortLived = true, heap = '768m'): string[] {
  return [...(shortLived ? ['-XX:TieredStopAtLevel=1'] : []), `-Xmx${heap}`, '-cp', classPath, mainClass, ...args];
}
