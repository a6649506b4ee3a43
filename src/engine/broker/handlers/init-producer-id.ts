// InitProducerId: a fresh id for an idempotent producer, at epoch 0. As in Kafka, one that shows an id it has had gets a new
// one too: without a transactional id nobody else can mean the same producer. Transactional producers are refused.

import { initProducerId } from '../../wire/wire.ts';
import { serve } from '../handler.ts';
import { kafkaCode } from '../kafka-code.ts';
import { changedInTime } from '../time-limit.ts';

const none = { producerId: -1, producerEpoch: -1 } as const;

export const servedInitProducerId = serve(initProducerId, async ({ transactionalId }, _context, { control, clock }) => {
  if (transactionalId === '') return { errorCode: kafkaCode.invalidRequest, ...none };
  if (transactionalId !== null) return { errorCode: kafkaCode.transactionalIdAuthorizationFailed, ...none };
  const producerId = await changedInTime(clock, control.producerIds.next());
  return { errorCode: 0, producerId, producerEpoch: 0 };
});
