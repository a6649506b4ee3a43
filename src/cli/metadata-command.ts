// What the metadata commands share: the picture they read (the bucket, or a live broker), made from their flags.
//
// Which one: what the command line names, --admin before --store; else what environment or file name, the bucket first, because it
// always answers; else the broker of this machine.

import type { Command } from '@oclif/core/command';
import type {
  AdminClientOptions,
  BucketSource,
  LiveDomains,
  LiveMaintenance,
  MetadataSource,
} from '../engine/admin/admin.ts';
import { systemClock } from '../engine/base/clock.ts';
import { EngineError } from '../engine/base/errors.ts';
import type { Logger } from '../engine/base/logger.ts';
import { systemRandom } from '../engine/base/random.ts';
import { parseAdminUrl } from './address-format.ts';
import { BaseCommand } from './base-command.ts';
import { adminFlags, bucketFlags, outputFlags } from './global-flags.ts';

const defaultAdminUrl = 'http://127.0.0.1:9644';

interface SourceFlags {
  readonly store: string | undefined;
  readonly cluster: string;
  readonly admin: string | undefined;
  readonly timeout: number | undefined;
}

abstract class SourceCommand<C extends typeof Command> extends BaseCommand<C> {
  protected get sourceFlags(): SourceFlags {
    return this.flags as unknown as SourceFlags;
  }

  protected async openBucket(): Promise<BucketSource> {
    const { store: storeUrl, cluster } = this.sourceFlags;
    if (storeUrl === undefined) {
      throw new EngineError('usage', 'which bucket to read is not said', { hint: 'give --store URL' });
    }
    const { BucketSource } = await import('../engine/admin/admin.ts');
    const deps = { clock: systemClock, random: systemRandom, logger: await this.#logger() };
    return BucketSource.open({ ...deps, storeUrl, cluster });
  }

  protected async liveDomains(): Promise<LiveDomains> {
    const { LiveDomains } = await import('../engine/admin/admin.ts');
    return new LiveDomains(this.adminOptions);
  }

  protected get adminOptions(): AdminClientOptions {
    const { admin = defaultAdminUrl, timeout } = this.sourceFlags;
    return {
      url: parseAdminUrl(admin),
      clock: systemClock,
      signal: this.interruption.signal,
      ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    };
  }

  /** What goes wrong comes as a result or an error; what the engine says beside that is shown with --verbose. */
  async #logger(): Promise<Logger> {
    const { engineLogger } = await import('./engine-logger.ts');
    const { verbose, colors } = this.output;
    return engineLogger({ level: verbose ? 'debug' : 'error', format: 'pretty', colors, stream: process.stderr });
  }
}

/** Commands that read the bucket only. */
export abstract class BucketCommand<C extends typeof Command> extends SourceCommand<C> {
  static override baseFlags = { ...outputFlags, ...bucketFlags };
}

/** Commands that need a live broker. */
export abstract class LiveCommand<C extends typeof Command> extends SourceCommand<C> {
  static override baseFlags = { ...outputFlags, ...adminFlags };

  protected async liveMaintenance(): Promise<LiveMaintenance> {
    const { LiveMaintenance } = await import('../engine/admin/admin.ts');
    return new LiveMaintenance(this.adminOptions);
  }
}

/** Commands that read the bucket or a live broker. */
export abstract class MetadataCommand<C extends typeof Command> extends SourceCommand<C> {
  static override baseFlags = { ...outputFlags, ...bucketFlags, ...adminFlags };

  protected get isLive(): boolean {
    return isNamed(this.argv, '--admin') || this.sourceFlags.store === undefined;
  }

  protected async openSource(): Promise<MetadataSource> {
    if (!this.isLive) return this.openBucket();
    const { LiveSource } = await import('../engine/admin/admin.ts');
    return LiveSource.open(await this.liveDomains(), systemClock);
  }
}

function isNamed(argv: readonly string[], flag: string): boolean {
  const end = argv.indexOf('--');
  const flags = end === -1 ? argv : argv.slice(0, end);
  return flags.some((arg) => arg === flag || arg.startsWith(`${flag}=`));
}
