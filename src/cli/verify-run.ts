// Runs a check of the metadata to its end or to a limit, and tells what it finds: on stdout, and in the report.

import type { Verification, VerifyFinding, VerifyLine, VerifyPosition } from '../engine/admin/admin.ts';
import type { Clock } from '../engine/base/clock.ts';
import { formatAge, formatCount } from './duration-format.ts';
import type { Output } from './output.ts';
import { viewText } from './picture.ts';
import { type Progress, type ProgressOptions, startProgress } from './progress.ts';
import { printable } from './row-text.ts';
import type { VerifyReport } from './verify-report.ts';

export interface VerifyLimits {
  readonly partitionsMax: number | undefined;
  readonly timeMs: number | undefined;
  readonly stop: AbortSignal;
}

/** A run that is killed repeats at most so much. */
const positionEveryMs = 5_000;

export class VerifyRun implements Disposable {
  readonly #verification: Verification;
  readonly #output: Output;
  readonly #report: VerifyReport | undefined;
  readonly #clock: Clock;
  readonly #progress: Progress;
  /** The last position that is in the report. */
  #written: VerifyPosition | undefined;

  constructor(
    verification: Verification,
    output: Output,
    report: VerifyReport | undefined,
    clock: Clock,
    progress: Pick<ProgressOptions, 'choice' | 'quiet' | 'color'>,
  ) {
    this.#verification = verification;
    this.#output = output;
    this.#report = report;
    this.#clock = clock;
    this.#progress = startProgress({ ...progress, describe: () => this.#describe() });
    this.#progress.phase('verifying');
  }

  [Symbol.dispose](): void {
    this.#progress[Symbol.dispose]();
  }

  async begin(): Promise<void> {
    const { begin } = this.#verification;
    await this.#line(begin);
    const { domains, ...place } = begin.view;
    if (!this.#output.json) await this.#print(`${viewText(place, domains, begin.unflushed)}\n`);
  }

  /** False where a limit ended it. */
  async steps({ partitionsMax = Number.POSITIVE_INFINITY, timeMs, stop }: VerifyLimits): Promise<boolean> {
    const startMs = this.#clock.monotonicMs();
    const endMs = timeMs === undefined ? Number.POSITIVE_INFINITY : startMs + timeMs;
    const before = this.#verification.checked.partitions;
    let writtenMs = startMs;
    let last: VerifyPosition | undefined;
    for await (const { findings, position } of this.#verification.steps()) {
      for (const finding of findings) await this.#finding(finding);
      if (position === undefined) continue;
      last = position;
      const nowMs = this.#clock.monotonicMs();
      const isEnough = position.checked.partitions - before >= partitionsMax || nowMs >= endMs;
      if (isEnough || stop.aborted || this.#output.closed.aborted) {
        await this.#position(last);
        return false;
      }
      // Behind findings too: what is cut off when a run goes on is found again.
      if (findings.length === 0 && nowMs - writtenMs < positionEveryMs) continue;
      writtenMs = nowMs;
      await this.#position(last);
    }
    return true;
  }

  async end(complete: boolean): Promise<void> {
    const end = this.#verification.end(complete, this.#clock.nowMs());
    await this.#line(end);
    if (this.#output.json) return;
    const { checked, found } = end;
    await this.#print(`${complete ? 'checked' : 'stopped early; so far checked'} ${summary(checked, found)}\n`);
  }

  #describe(): { text: string; figures: Record<string, number> } {
    const { checked, found } = this.#verification;
    return { text: summary(checked, found), figures: { ...checked, ...found } };
  }

  async #finding(finding: VerifyFinding): Promise<void> {
    await this.#line(finding);
    if (this.#output.json) return;
    const { severity, name, domain, key, detail, start, length, ageMs } = finding;
    const place = start === undefined || length === undefined ? '' : ` bytes ${start} to ${start + length - 1}`;
    const age = ageMs === undefined ? '' : ` (${formatAge(ageMs)} old)`;
    const where = key === domain ? '' : ` ${printable(key)}`;
    await this.#output.write(
      `${severity}  ${name}  ${domain ?? 'bucket'}${where}${place}: ${printable(detail)}${age}\n`,
    );
  }

  async #position(position: VerifyPosition): Promise<void> {
    if (position === this.#written) return;
    this.#written = position;
    await this.#line(position);
  }

  /** To the report, and to stdout under --json. */
  async #line(line: VerifyLine): Promise<void> {
    await this.#report?.line(line);
    if (this.#output.json) await this.#print(`${JSON.stringify(line)}\n`);
  }

  /** Beside a live picture on the same terminal. */
  async #print(text: string): Promise<void> {
    let written: Promise<void> | undefined;
    this.#progress.aside(() => {
      written = this.#output.write(text);
    });
    await written;
  }
}

function summary(checked: Verification['checked'], found: Verification['found']): string {
  const looked = Object.entries(checked)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${formatCount(count)} ${name === 'storedObjects' ? 'objects in the bucket' : name}`);
  return (
    `${looked.join(', ') || 'nothing'}: ${formatCount(found.damage)} damaged, ${formatCount(found.error)} errors, ` +
    `${formatCount(found.notice)} notices`
  );
}
