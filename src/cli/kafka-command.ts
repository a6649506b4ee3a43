// What the commands that talk to a broker share: the client made from their flags.

import type { Command } from '@oclif/core/command';
import type { KafkaClient } from '../engine/admin/admin.ts';
import { systemClock } from '../engine/base/clock.ts';
import { parseAddresses } from './address-format.ts';
import { BaseCommand } from './base-command.ts';
import { brokerFlags, outputFlags } from './global-flags.ts';

const defaultBroker = { host: '127.0.0.1', port: 9092 };

export abstract class KafkaCommand<C extends typeof Command> extends BaseCommand<C> {
  static override baseFlags = { ...outputFlags, ...brokerFlags };

  /** Connects when first used. Loaded here, so that --help does not pay for it. */
  protected async client(signal?: AbortSignal): Promise<KafkaClient> {
    const { bootstrap, timeout } = this.flags as unknown as { bootstrap: string; timeout: number | undefined };
    const bootstrapAddresses = parseAddresses(bootstrap, defaultBroker);
    const { KafkaClient } = await import('../engine/admin/admin.ts');
    return new KafkaClient({
      bootstrap: bootstrapAddresses,
      clock: systemClock,
      ...(timeout === undefined ? {} : { timeoutMs: timeout }),
      ...(signal === undefined ? {} : { signal }),
    });
  }
}
