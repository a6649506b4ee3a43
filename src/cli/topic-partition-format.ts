// TOPIC or TOPIC/PARTITION as they are written on a command line. Topic names have no slash.

import { EngineError } from '../engine/base/errors.ts';

export interface NamedPartition {
  readonly topic: string;
  readonly partition: number | undefined;
}

export function parseTopicPartition(text: string): NamedPartition {
  const match = /^([^/]+)(?:\/(\d{1,10}))?$/.exec(text);
  if (match === null) {
    throw new EngineError('usage', `"${text}" is neither a topic nor a partition`, {
      hint: 'write orders or orders/3',
    });
  }
  return { topic: match[1] as string, partition: match[2] === undefined ? undefined : Number(match[2]) };
}
