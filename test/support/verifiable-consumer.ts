// Kafka's VerifiableConsumer, left running as a member of a group: it tells in JSON what it was assigned and what it
// received, and commits what it received.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ChildWatch } from './child-watch.ts';
import { javaArguments } from './kafka-process.ts';
import { endWithUs } from './server-process.ts';

export interface VerifiableConsumerOptions {
  readonly bootstrap: string;
  readonly topic: string;
  readonly group: string;
}

interface ConsumerEvent {
  readonly name: string;
  readonly partitions?: readonly { readonly topic: string; readonly partition: number }[];
  readonly partition?: number;
  readonly offset?: number;
  readonly value?: string;
  readonly success?: boolean;
  readonly error?: string;
}

export class VerifiableConsumer implements AsyncDisposable {
  readonly records: { readonly partition: number; readonly offset: number; readonly value: string }[] = [];
  /** What it is assigned at present. */
  readonly partitions = new Set<number>();
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  readonly #watch: ChildWatch;
  readonly #events: string[] = [];

  private constructor(options: VerifiableConsumerOptions) {
    const args = [
      '--bootstrap-server', options.bootstrap,
      '--topic', options.topic,
      '--group-id', options.group,
      '--reset-policy', 'earliest',
      '--session-timeout', '10000',
      '--verbose',
    ]; // biome-ignore format: one argument list
    this.#child = spawn('java', javaArguments('org.apache.kafka.tools.VerifiableConsumer', args), {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endWithUs(this.#child);
    this.#watch = new ChildWatch(this.#child);
    this.#closed = new Promise((resolve) => this.#child.once('close', () => resolve()));
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#read(line));
    createInterface({ input: this.#child.stderr! }).on('line', (line) => this.#keep(line));
  }

  static async start(options: VerifiableConsumerOptions): Promise<VerifiableConsumer> {
    return new VerifiableConsumer(options);
  }

  /** Resolves when the condition holds, looked at whenever something happened. */
  async until(condition: (member: VerifiableConsumer) => boolean, timeoutMs = 60_000): Promise<void> {
    await this.#watch.until(
      () => condition(this),
      timeoutMs,
      () => `${condition}; ${this.records.length} records\n${this.#events.join('\n')}`,
    );
  }

  /** Leaves the group and ends. */
  async finish(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  #keep(line: string): void {
    this.#events.push(line);
    if (this.#events.length > 50) this.#events.shift();
  }

  #read(line: string): void {
    if (!line.startsWith('{')) {
      this.#keep(line);
      return;
    }
    const event = JSON.parse(line) as ConsumerEvent;
    if (event.name === 'record_data') {
      this.records.push({ partition: event.partition!, offset: event.offset!, value: event.value! });
    } else {
      this.#keep(line);
      if (event.name === 'partitions_assigned')
        for (const each of event.partitions!) this.partitions.add(each.partition);
      if (event.name === 'partitions_revoked')
        for (const each of event.partitions!) this.partitions.delete(each.partition);
    }
    this.#watch.look();
  }
}
