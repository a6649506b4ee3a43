// Produce: stages every batch, in the order of the request, before the first await; answers when all are durable.
//
// acks 0, 1 and all mean the same: an acknowledged record is in the object store. With acks=0 nothing is answered, and a failed
// batch ends the connection, which is all such a client can notice. The request's timeout bounds the wait: a batch that takes
// longer is answered REQUEST_TIMED_OUT and may still be committed.

import { EngineError, toEngineError } from '../../base/errors.ts';
import type { SlabRange } from '../../base/slab-pool.ts';
import type { AppendResult, Partition } from '../../partition/partition.ts';
import { produce, type RequestOf, type ResponseInput } from '../../wire/wire.ts';
import { type BrokerServices, closeConnection, noResponse, type RequestContext, serve } from '../handler.ts';
import { kafkaCode } from '../kafka-code.ts';
import { findPartition } from '../partition-lookup.ts';
import { settledWithin } from '../time-limit.ts';

type Request = RequestOf<typeof produce>;
type TopicAnswer = ResponseInput<typeof produce>['responses'][number];
type PartitionAnswer = TopicAnswer['partitionResponses'][number];

/** In place of a timeout that is not positive. */
const defaultTimeoutMs = 30_000;

export const servedProduce = serve(
  produce,
  async (request, context, broker) => {
    const refusal = wholeRefusal(request);
    const answers: PartitionAnswer[] = [];
    const appends: Promise<void>[] = [];
    for (const topic of request.topicData) {
      for (const { index, records } of topic.partitionData) {
        const at =
          answers.push(failed(index, kafkaCode.requestTimedOut, 'not durable within the timeout of the request')) - 1;
        if (refusal !== undefined) {
          answers[at] = failed(index, refusal.code, refusal.message);
          continue;
        }
        const found = findPartition(broker, topic, index);
        if (found.partition === undefined) {
          answers[at] = failed(index, found.errorCode, null);
          continue;
        }
        const appended = appendOne(found.partition, recordsRange(context, records), broker);
        appends.push(
          appended.then((answer) => {
            answers[at] = { index, ...answer };
          }),
        );
      }
    }
    const timeoutMs = request.timeoutMs > 0 ? request.timeoutMs : defaultTimeoutMs;
    if (appends.length > 0) await settledWithin(broker.clock, timeoutMs, Promise.all(appends));
    if (request.acks === 0) return answers.some(({ errorCode }) => errorCode !== 0) ? closeConnection : noResponse;
    let at = 0;
    return {
      responses: request.topicData.map(({ name, topicId, partitionData }) => ({
        name,
        topicId,
        partitionResponses: partitionData.map(() => answers[at++] as PartitionAnswer),
      })),
    };
  },
  (request, errorCode, message) => ({
    responses: request.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => failed(index, errorCode, message)),
    })),
  }),
);

function wholeRefusal({ acks, transactionalId }: Request): { code: number; message: string } | undefined {
  if (acks < -1 || acks > 1) return { code: kafkaCode.invalidRequiredAcks, message: 'acks must be 0, 1 or all' };
  if (transactionalId === null) return undefined;
  return { code: kafkaCode.transactionalIdAuthorizationFailed, message: 'transactions are not supported yet' };
}

/** The records as slab memory, or why they cannot be staged. */
function recordsRange({ frame }: RequestContext, records: Buffer | null): SlabRange | EngineError {
  if (records === null || records.length === 0) return new EngineError('invalid-record', 'no record batch was sent');
  if (frame === undefined) return new EngineError('bug', 'a Produce frame is not in slab memory');
  return frame.slice(records.byteOffset - frame.bytes.byteOffset, records.length);
}

/** Never rejects. The batch's memory is held until it is settled, also when the client was told of a timeout before. */
async function appendOne(
  partition: Partition,
  range: SlabRange | EngineError,
  broker: BrokerServices,
): Promise<Omit<PartitionAnswer, 'index'>> {
  if (range instanceof EngineError) return failure(range.kafkaCode, range.message);
  if (!range.pin()) return failure(kafkaCode.requestTimedOut, 'the memory of the request is gone');
  try {
    const { baseOffset, logAppendTimeMs, logStartOffset }: AppendResult = await partition.append(range);
    return { errorCode: 0, baseOffset, logAppendTimeMs, logStartOffset };
  } catch (thrown) {
    const error = toEngineError(thrown);
    if (error.code === 'bug') {
      const stack = (error.cause instanceof Error ? error.cause : error).stack;
      broker.logger.error(
        { topicId: partition.topicId, partition: partition.index, error: error.message, stack },
        'an append failed',
      );
    }
    return failure(error.kafkaCode, error.message);
  } finally {
    range.unpin();
  }
}

function failure(errorCode: number, errorMessage: string | null): Omit<PartitionAnswer, 'index'> {
  return { errorCode, baseOffset: -1, errorMessage };
}

function failed(index: number, errorCode: number, errorMessage: string | null): PartitionAnswer {
  return { index, ...failure(errorCode, errorMessage) };
}
