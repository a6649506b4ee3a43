// Looks at a process once a second while work is done: CPU, memory, and what else is asked for.

import { readFile } from 'node:fs/promises';
import { cpuSeconds } from '../process-usage.ts';

export interface UsageSample {
  readonly seconds: number;
  /** Cores in use since the sample before. */
  readonly cores: number;
  readonly residentMiB: number;
}

/** Samples until the work ends; a sample that fails is left out. */
export async function sampled<Result, More>(
  pid: number,
  work: () => Promise<Result>,
  more: () => Promise<More>,
): Promise<{ readonly result: Result; readonly samples: readonly (UsageSample & More)[]; readonly cpu: number }> {
  const samples: (UsageSample & More)[] = [];
  const began = performance.now();
  const cpuBefore = await cpuSeconds(pid);
  const look = async () => {
    let last = { at: began, cpu: cpuBefore };
    while (!over.ended) {
      await Promise.race([over.promise, new Promise((resolve) => setTimeout(resolve, 1000))]);
      const at = performance.now();
      const cpu = await cpuSeconds(pid);
      const asked = await more();
      const cores = (cpu - last.cpu) / ((at - last.at) / 1000);
      samples.push({ seconds: (at - began) / 1000, cores, residentMiB: await residentMiB(pid), ...asked });
      last = { at, cpu };
    }
  };
  const over = ending();
  const looking = look();
  try {
    const result = await work();
    return { result, samples, cpu: (await cpuSeconds(pid)) - cpuBefore };
  } finally {
    over.end();
    await looking;
  }
}

function ending(): { readonly promise: Promise<void>; ended: boolean; end: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const over = {
    promise,
    ended: false,
    end() {
      over.ended = true;
      resolve();
    },
  };
  return over;
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

/** Of values in any order; NaN of none. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
