// A producer of the model: keeps at most five batches unanswered, sends again what was not acknowledged, sometimes also what
// was (the network had an old copy), and now and then starts over with a higher epoch.

import type { Send } from './batch-model.ts';
import type { HistoryModel } from './history-model.ts';

const unansweredMax = 5;

export class ProducerModel {
  readonly partition: number;
  readonly id: number;
  #epoch = 0;
  #sequence = 0;
  readonly sent: Send[] = [];
  #unanswered: Send[] = [];

  constructor(partition: number, id: number) {
    this.partition = partition;
    this.id = id;
  }

  next(payload: number, count: number, history: HistoryModel): Send | undefined {
    if (this.unanswered(history).length >= unansweredMax) return undefined;
    const send = {
      partition: this.partition,
      payload,
      count,
      producerId: this.id,
      producerEpoch: this.#epoch,
      sequence: this.#sequence,
    };
    this.#sequence += count;
    this.sent.push(send);
    this.#unanswered.push(send);
    return send;
  }

  /** In the order of their sequences. A producer that is not idempotent never sends anything twice. */
  unanswered(history: HistoryModel): readonly Send[] {
    this.#unanswered = this.id < 0 ? [] : this.#unanswered.filter((send) => !history.isAcknowledged(send));
    return this.#unanswered;
  }

  startOver(): void {
    this.#epoch++;
    this.#sequence = 0;
    this.#unanswered = [];
  }
}
