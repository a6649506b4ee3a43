// What is in an L1 object: for people, or as lines of JSON. Findings are counted, those of the footer and those of its bytes.

import type { L1ObjectView, ShownChunk, ShownSection, SourcePlace } from '../engine/admin/admin.ts';
import type { ShownTableFinding } from '../engine/audit/audit.ts';
import { counted, formatCount, formatSize } from './duration-format.ts';
import type { Output } from './output.ts';
import { viewJson, viewText } from './picture.ts';
import { type ProgressOptions, startProgress } from './progress.ts';
import { findingText } from './table-findings.ts';

export class L1Report {
  findings = 0;
  readonly #view: L1ObjectView;
  readonly #output: Output;
  readonly #stop: AbortSignal;

  constructor(view: L1ObjectView, output: Output, stop: AbortSignal) {
    this.#view = view;
    this.#output = output;
    this.#stop = stop;
  }

  async object(place: SourcePlace): Promise<void> {
    const { listSections, listChunks, annotate, check, findings, ...facts } = this.#view;
    if (this.#output.json) {
      await this.#output.line({ schema: 'cloudtopics/l1-footer/v1', ...viewJson(place, []), ...facts });
    } else {
      await this.#output.write(`${viewText(place, [])}\n${factsText(this.#view)}\n`);
    }
    for (const finding of findings) await this.#finding(finding);
  }

  async sections(partition: number | undefined, index: boolean): Promise<void> {
    for (const section of this.#view.listSections(partition)) {
      if (this.#stopped) return;
      await this.#line('cloudtopics/l1-section/v1', section, () => this.#sectionText(section));
      if (!index) continue;
      for (const chunk of this.#view.listChunks(section)) {
        if (this.#stopped) return;
        await this.#line('cloudtopics/l1-chunk/v1', chunk, () => chunkText(chunk));
      }
    }
  }

  /** In the style of the golden specimens. */
  async bytes(): Promise<void> {
    const digits = String(this.#view.sizeBytes).length;
    for (const { position, bytes, text } of this.#view.annotate()) {
      if (this.#stopped) return;
      const hex = bytes.toString('hex');
      const shown = () => `${hex.padEnd(34)} # ${String(position).padStart(Math.max(4, digits))}  ${text}`;
      await this.#line('cloudtopics/l1-bytes/v1', { position, length: bytes.length, hex, text }, shown);
    }
  }

  async verified(
    partition: number | undefined,
    options: Pick<ProgressOptions, 'choice' | 'quiet' | 'color'>,
  ): Promise<void> {
    const sums = { bytes: 0, chunks: 0, batches: 0, records: 0 };
    let complete = true;
    {
      const describe = () => {
        const text = `${formatSize(sums.bytes)} of ${formatSize(this.#view.sizeBytes)}, ${findingsText(this.findings)}`;
        return { text, figures: { ...sums, findings: this.findings } };
      };
      using progress = startProgress({ ...options, describe });
      progress.phase('verifying');
      for await (const step of this.#view.check(partition)) {
        sums.bytes += step.bytes;
        sums.chunks += step.chunks;
        sums.batches += step.batches;
        sums.records += step.records;
        for (const finding of step.findings) await this.#finding(finding, (write) => progress.aside(write));
        if (!this.#stopped) continue;
        complete = false;
        break;
      }
    }
    const { chunks, batches, records } = sums;
    const looked = `${counted(chunks, 'chunk')}, ${counted(batches, 'batch', 'batches')}, ${counted(records, 'record')}`;
    await this.#line('cloudtopics/l1-verified/v1', { complete, ...sums, findings: this.findings }, () => {
      const checked = complete ? 'checked' : 'stopped early; so far checked';
      return `${checked} ${looked} (${formatSize(sums.bytes)}): ${findingsText(this.findings)}`;
    });
  }

  get #stopped(): boolean {
    return this.#stop.aborted || this.#output.closed.aborted;
  }

  #sectionText(section: ShownSection): string {
    const { partition, baseOffset, lastOffset, position, length, batches, records, maxTimestamp } = section;
    const counts = `${counted(batches, 'batch', 'batches')}, ${counted(records, 'record')}`;
    const place = `${formatSize(length)} at byte ${position}`;
    const mark = this.#view.trusted ? '' : '  NOT TRUSTED';
    return (
      `section ${section.section}  partition ${partition}  offsets ${baseOffset} to ${lastOffset}  ${place}  ${counts}, ` +
      `${counted(section.chunks, 'chunk')}, up to ${maxTimestamp ?? 'no time'}${mark}`
    );
  }

  async #finding(finding: ShownTableFinding, beside: (write: () => void) => void = (write) => write()): Promise<void> {
    this.findings++;
    let written: Promise<void> | undefined;
    beside(() => {
      written = this.#line('cloudtopics/l1-finding/v1', finding, () => `damaged: ${findingText(finding)}`);
    });
    await written;
  }

  #line(schema: string, fields: object, text: () => string): Promise<void> {
    return this.#output.json ? this.#output.line({ schema, ...fields }) : this.#output.write(`${text()}\n`);
  }
}

const findingsText = (count: number): string => (count === 0 ? 'nothing found' : counted(count, 'finding'));

function factsText(view: L1ObjectView): string {
  const { row, footerPosition, trusted } = view;
  const kind = `${view.kind ?? '?'}${view.created === null ? '' : `, created ${view.created}`}`;
  const footer =
    footerPosition === null
      ? 'not found'
      : `${formatSize(view.footerBytes)} at byte ${footerPosition}, ${counted(view.sections, 'section')}, ` +
        `${counted(view.chunks, 'chunk')}${trusted ? '' : '; NOT TRUSTED'}`;
  return [
    `object ${view.key}`,
    `  size       ${formatSize(view.sizeBytes)} (${formatCount(view.sizeBytes)} bytes), written ${view.modified}`,
    `  kind       ${kind}`,
    `  topic      ${view.topicId ?? '?'}`,
    `  metastore  ${row === null ? 'no row in what was flushed' : `${row.state} in ${row.domain}, ${formatSize(row.liveBytes)} in use`}`,
    `  footer     ${footer}`,
  ].join('\n');
}

function chunkText({ chunk, position, length, baseOffset, maxTimestamp, crc32c }: ShownChunk): string {
  const place = `${formatSize(length)} at byte ${position}`;
  return `  chunk ${chunk}  from offset ${baseOffset}  ${place}  CRC32C ${crc32c}, up to ${maxTimestamp ?? 'no time'}`;
}
