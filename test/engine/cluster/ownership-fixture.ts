// A store, a log and a clock for the tests of ownership, and a store whose next calls can be made to go wrong.

import { silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { type Ownership, type TakeOwnershipOptions, takeOwnership } from '../../../src/engine/cluster/ownership.ts';
import { MemoryLog, type MemoryLogOptions } from '../../../src/engine/replicated-log/memory-log.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import type { ObjectStore } from '../../../src/engine/store/object-store.ts';

type Call = 'put' | 'get';
/** Does the real thing by calling `real`, or not, or late. */
export type Interception = (key: string, real: () => Promise<unknown>) => Promise<unknown> | undefined;

export class OwnershipFixture {
  readonly clock = new VirtualClock();
  readonly random = seededRandom(7);
  readonly memory = new MemoryStore({ clock: this.clock });
  readonly calls: string[] = [];
  readonly #interceptions = new Map<Call, Interception>();
  readonly store: ObjectStore;
  #logs = 0;

  constructor() {
    this.store = new Proxy<ObjectStore>(this.memory, {
      get: (target, name) => {
        const member = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        const call = member.bind(target);
        if (name !== 'put' && name !== 'get') return call;
        return (key: string, ...rest: unknown[]) => {
          this.calls.push(`${name} ${key}`);
          const real = (): Promise<unknown> => call(key, ...rest);
          return this.#interceptions.get(name)?.(key, real) ?? real();
        };
      },
    });
  }

  intercept(call: Call, interception: Interception | undefined): void {
    if (interception === undefined) this.#interceptions.delete(call);
    else this.#interceptions.set(call, interception);
  }

  newLog(options: MemoryLogOptions = {}): MemoryLog {
    this.#logs += 1;
    return new MemoryLog({ identity: `00000000-0000-4000-8000-${String(this.#logs).padStart(12, '0')}`, ...options });
  }

  take(log: MemoryLog, options: Partial<TakeOwnershipOptions> = {}): Promise<Ownership> {
    return takeOwnership({
      store: this.store,
      log,
      cluster: 'default',
      clock: this.clock,
      random: this.random,
      logger: silentLogger,
      ...options,
    });
  }

  /** How often OWNER was read. */
  ownerReads(): number {
    return this.calls.filter((call) => call.startsWith('get') && call.endsWith('/OWNER')).length;
  }
}
