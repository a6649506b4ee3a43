// The cursor that wire messages are decoded with: a ByteReader whose errors are `invalid-request`, and which bounds how many
// array elements one message may unfold into (a few wire bytes can become an object of a hundred bytes).

import { ByteReader } from '../base/byte-reader.ts';
import { EngineError } from '../base/errors.ts';

/** Array elements that one message may hold, all its arrays together. */
export const wireElementsMax = 1_000_000;

export class WireReader extends ByteReader {
  #elementsLeft = wireElementsMax;

  override corrupt(problem: string): EngineError {
    return new EngineError('invalid-request', `${problem} (at byte ${this.position} of ${this.bytes.length})`);
  }

  /** Accepts an array's count only when so many elements can be in what remains. */
  elements(count: number, elementBytesMin: number): void {
    if (count * elementBytesMin > this.remaining) {
      throw this.corrupt(
        `an array of ${count} elements needs ${count * elementBytesMin} bytes, ${this.remaining} remain`,
      );
    }
    this.#elementsLeft -= count;
    if (this.#elementsLeft < 0) throw this.corrupt(`more than ${wireElementsMax} array elements`);
  }
}
