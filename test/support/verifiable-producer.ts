// Kafka's VerifiableProducer, left running: it writes 0, 1, 2, … and tells in JSON which of them were acknowledged,
// and where. An idempotent Java client retries through crashes of the broker as a user's would.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ChildWatch } from './child-watch.ts';
import { javaArguments } from './kafka-process.ts';
import { endWithUs } from './server-process.ts';

export interface Acknowledged {
  readonly value: string;
  readonly partition: number;
  readonly offset: number;
}

export interface VerifiableProducerOptions {
  readonly bootstrap: string;
  readonly topic: string;
  readonly valuePrefix: number;
  readonly recordsPerSecond: number;
  readonly properties?: readonly string[];
}

const patientProperties = [
  'enable.idempotence=true',
  'retries=2147483647',
  'delivery.timeout.ms=300000',
  'request.timeout.ms=5000',
  'retry.backoff.ms=50',
  'retry.backoff.max.ms=200',
  'reconnect.backoff.ms=50',
  'reconnect.backoff.max.ms=200',
];

export class VerifiableProducer implements AsyncDisposable {
  readonly acknowledged: Acknowledged[] = [];
  readonly failures: string[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  readonly #directory: string;
  readonly #watch: ChildWatch;
  #stderr = '';

  private constructor(options: VerifiableProducerOptions, directory: string, config: string) {
    this.#directory = directory;
    const args = [
      '--bootstrap-server', options.bootstrap,
      '--topic', options.topic,
      '--acks', '-1',
      '--throughput', String(options.recordsPerSecond),
      '--value-prefix', String(options.valuePrefix),
      '--command-config', config,
    ]; // biome-ignore format: one argument list
    this.#child = spawn('java', javaArguments('org.apache.kafka.tools.VerifiableProducer', args), {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endWithUs(this.#child);
    this.#watch = new ChildWatch(this.#child);
    this.#closed = new Promise((resolve) => this.#child.once('close', () => resolve()));
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#read(line));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-10_000);
    });
  }

  static async start(options: VerifiableProducerOptions): Promise<VerifiableProducer> {
    const directory = await mkdtemp(join(tmpdir(), 'verifiable-'));
    const config = join(directory, 'producer.properties');
    await writeFile(config, [...patientProperties, ...(options.properties ?? []), ''].join('\n'));
    return new VerifiableProducer(options, directory, config);
  }

  /** Resolves when at least so many records were acknowledged. */
  async untilAcknowledged(count: number, timeoutMs = 60_000): Promise<void> {
    await this.#watch.until(
      () => this.acknowledged.length >= count,
      timeoutMs,
      () => `${this.acknowledged.length} of ${count} acknowledged\n${this.#stderr}`,
    );
  }

  /** Lets it send what it has, and end. */
  async finish(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
    await rm(this.#directory, { recursive: true, force: true });
  }

  #read(line: string): void {
    if (!line.startsWith('{')) return;
    const event = JSON.parse(line) as { name: string; value: string; partition: number; offset: number };
    if (event.name === 'producer_send_success') {
      this.acknowledged.push({ value: event.value, partition: event.partition, offset: event.offset });
    } else if (event.name === 'producer_send_error') {
      this.failures.push(line);
    }
    this.#watch.look();
  }
}
