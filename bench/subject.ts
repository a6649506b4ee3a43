// The brokers under measurement, behind one face.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BrokerProcess } from '../test/support/broker-process.ts';
import { KafkaProcess } from '../test/support/kafka-process.ts';

export type SubjectName = 'kafka' | 'cloudtopics';

export interface Subject {
  readonly name: SubjectName;
  readonly bootstrap: string;
  readonly pid: number;
  stop(): Promise<unknown>;
  restart(): Promise<void>;
}

/** Starts the broker with an empty directory. */
export async function startSubject(name: SubjectName, workDirectory: string): Promise<Subject> {
  const directory = join(workDirectory, name);
  await rm(directory, { recursive: true, force: true });
  const process = await (name === 'kafka' ? KafkaProcess.start({ directory }) : BrokerProcess.start({ directory }));
  return {
    name,
    bootstrap: process.bootstrap,
    get pid() {
      return process.pid;
    },
    stop: () => process.stop(),
    restart: () => process.restart(),
  };
}
