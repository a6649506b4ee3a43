// From an offset to the extent that holds it, and on to the section of its object: the metastore is asked once per extent.

import { EngineError } from '../base/errors.ts';
import { type Offset, offset, type TopicId } from '../base/ids.ts';
import type { FooterCache } from './footer-cache.ts';
import type { L1Place } from './l1-place.ts';
import type { OpenObject } from './open-object.ts';
import type { L1Partition, Located, ReadCursor, ReadCursors } from './read-cursors.ts';

/** The extent that holds the offset or the first above it; from the metastore. */
export type Locate = (topicId: TopicId, partition: number, from: Offset) => Promise<L1Place | undefined>;

export interface OpenExtent {
  readonly place: L1Place;
  readonly object: OpenObject;
  /** Its section in the object. */
  readonly section: number;
}

export class ExtentFinder {
  readonly #locate: Locate;
  readonly #footers: FooterCache;
  readonly #cursors: ReadCursors;

  constructor(locate: Locate, footers: FooterCache, cursors: ReadCursors) {
    this.#locate = locate;
    this.#footers = footers;
    this.#cursors = cursors;
  }

  /** The extent at or above an offset, for a reader; undefined when there is none. */
  locate(cursor: ReadCursor, from: number): Located | undefined | Promise<Located | undefined> {
    const known = cursor.find(from) ?? this.#cursors.find(cursor.of, from);
    if (known !== undefined) {
      if (cursor.find(from) === undefined) cursor.extend({ from: known.from, place: known.place });
      return known;
    }
    if (cursor.looking?.from === from) return cursor.looking.found;
    const looking = { from, found: this.#ask(cursor, from) };
    cursor.looking = looking;
    const over = () => {
      if (cursor.looking === looking) cursor.looking = undefined;
    };
    looking.found.then(over, over);
    return looking.found;
  }

  /** Throws `corrupt-object` where the object does not have what the place says. */
  open(of: L1Partition, place: L1Place): OpenExtent | Promise<OpenExtent> {
    const object = this.#footers.open(place.objectId, place.object);
    return object instanceof Promise
      ? object.then((opened) => sectionIn(opened, of, place))
      : sectionIn(object, of, place);
  }

  async #ask(cursor: ReadCursor, from: number): Promise<Located | undefined> {
    const { topicId, partition } = cursor.of;
    const place = await this.#locate(topicId, partition, offset(from));
    if (place === undefined) return undefined;
    const located: Located = { from: Math.min(from, place.baseOffset), place };
    cursor.extend({ ...located, from });
    return cursor.find(from) ?? located;
  }
}

function sectionIn(object: OpenObject, of: L1Partition, place: L1Place): OpenExtent {
  const number = object.footer.sectionOf(of.partition, place.baseOffset);
  const section = number === undefined ? undefined : object.footer.section(number);
  if (
    number === undefined ||
    object.footer.topicId !== of.topicId ||
    section?.position !== place.position ||
    section.length !== place.length
  ) {
    const { baseOffset, lastOffset, position, length } = place;
    throw new EngineError(
      'corrupt-object',
      `L1 object ${object.key} has no section of topic ${of.topicId}, partition ${of.partition}, offsets ${baseOffset} to ${lastOffset} at bytes ${position} to ${position + length}, as the metastore says`,
      { context: { key: object.key, ...of, baseOffset, lastOffset, position, length } },
    );
  }
  return { place, object, section: number };
}
