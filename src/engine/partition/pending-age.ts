// Since when a partition has data that is not reconciled: a few notes of when which offset was committed, so that the age of the oldest
// pending one is known about as exactly as the notes are dense. Bounded.

interface Note {
  readonly offset: number;
  readonly atMs: number;
}

const notesMax = 64;
const apartMsMin = 250;

export class PendingAge {
  #notes: Note[] = [];

  /** An offset was committed at this time; offsets come in order. */
  note(offset: number, atMs: number): void {
    const last = this.#notes.at(-1);
    if (last !== undefined && atMs - last.atMs < apartMsMin) return;
    this.#notes.push({ offset, atMs });
    // Every second one of the older half goes: what is old may be known less exactly.
    if (this.#notes.length > notesMax) {
      this.#notes = this.#notes.filter((_, at) => at === 0 || at > notesMax / 2 || at % 2 === 0);
    }
  }

  /** Everything below is reconciled: only the newest note below it tells anything yet. */
  passed(below: number): void {
    const first = this.#notes.findLastIndex((one) => one.offset <= below);
    if (first > 0) this.#notes.splice(0, first);
  }

  /** When the offset was committed, or a moment before. */
  sinceMs(offset: number): number | undefined {
    return this.#notes.findLast((one) => one.offset <= offset)?.atMs ?? this.#notes[0]?.atMs;
  }
}
