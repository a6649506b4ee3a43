// Kafka error codes as answered by a broker, turned into our errors. Several of our codes share one Kafka code (the broker
// cannot say more on the wire), so the reverse way is chosen here by hand where the first in the table would mislead.

import { type ErrorCode, errorTable } from '../base/error-table.ts';
import { EngineError, type ErrorContext } from '../base/errors.ts';

const chosen: Readonly<Record<number, ErrorCode>> = {
  [-1]: 'bug',
  5: 'not-leader',
  6: 'not-leader',
  7: 'request-timed-out',
  13: 'broker-unavailable',
  14: 'coordinator-not-available',
  16: 'coordinator-not-available',
  41: 'not-leader',
  42: 'invalid-request',
  56: 'log-unavailable',
};

const byKafkaCode: ReadonlyMap<number, ErrorCode> = new Map(
  // First come, first kept: the map is filled from the end of the table to its start.
  (Object.keys(errorTable) as ErrorCode[]).reverse().map((code) => [errorTable[code].kafkaCode, code]),
);

/** The error behind a code that is not 0. `message` is the broker's, where it sent one. */
export function brokerError(
  kafkaCode: number,
  what: string,
  message?: string | null,
  context: ErrorContext = {},
): EngineError {
  const code = chosen[kafkaCode] ?? byKafkaCode.get(kafkaCode) ?? 'bug';
  const why = message ? message : errorTable[code].meaning;
  return new EngineError(code, `${what}: ${why}`, { context: { ...context, kafkaCode } });
}

/** Throws when the code is not 0. */
export function checkBroker(kafkaCode: number, what: string, message?: string | null, context?: ErrorContext): void {
  if (kafkaCode !== 0) throw brokerError(kafkaCode, what, message, context);
}

/** What a client may simply try again: the leader moved, or the broker is busy or gone for a moment. */
export function isRetryable(error: unknown): boolean {
  return error instanceof EngineError && error.retryable && error.code !== 'unknown-topic-or-partition';
}
