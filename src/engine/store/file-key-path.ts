// How the file store names files: one directory per key segment, `<segment>.object` for the object itself.
//
//   cluster/OWNER          →  cluster/OWNER.object
//   cluster/OWNER/x        →  cluster/OWNER/x.object             an object may be the "directory" of another
//   a.object/b             →  a%2Eobject/b.object                so that directories and objects never share a name
//   A⟨300 letters⟩         →  ⟨240 letters⟩.more/⟨60⟩.object     names of files end at 255 bytes
//
// Letters, digits and ._-+=@, stand for themselves; every other UTF-8 byte, and a dot at the beginning, is %XX. The mapping is
// one to one. On a file system that ignores case, keys that differ only in case collide; keys of ours never do.

const objectSuffix = '.object';
const moreSuffix = '.more';
/** Leaves room for the suffixes and an escaped dot below the 255 bytes that file systems allow. */
const pieceLengthMax = 240;

/** The path of an object, relative to the store's directory. */
export function objectPath(key: string): string {
  const segments = key.split('/');
  const names = segments.slice(0, -1).map(directoryPath);
  const pieces = splitEscaped(escapeSegment(segments.at(-1) as string));
  const last = pieces.pop() as string;
  return [...names, ...pieces.map((piece) => piece + moreSuffix), last + objectSuffix].join('/');
}

/** The path of a segment that has others below it. */
export function directoryPath(segment: string): string {
  const pieces = splitEscaped(escapeSegment(segment));
  const last = escapeSuffix(pieces.pop() as string);
  return [...pieces.map((piece) => piece + moreSuffix), last].join('/');
}

export type FileName =
  | { readonly kind: 'object' | 'directory' | 'more'; readonly text: Buffer }
  /** Not a name of this store. */
  | { readonly kind: 'foreign' };

/** What a name in a directory of the store stands for; `text` is its part of the key, as bytes (a piece may end inside a character). */
export function parseFileName(name: string): FileName {
  const kind = name.endsWith(objectSuffix) ? 'object' : name.endsWith(moreSuffix) ? 'more' : 'directory';
  const escaped =
    kind === 'object'
      ? name.slice(0, -objectSuffix.length)
      : kind === 'more'
        ? name.slice(0, -moreSuffix.length)
        : name;
  const text = unescapeName(escaped);
  return text === undefined ? { kind: 'foreign' } : { kind, text };
}

function escapeSegment(segment: string): string {
  if (/^[A-Za-z0-9_\-+=@,][A-Za-z0-9._\-+=@,]*$/.test(segment)) return segment;
  let escaped = '';
  for (const byte of Buffer.from(segment)) {
    const character = String.fromCharCode(byte);
    const plain = /[A-Za-z0-9._\-+=@,]/.test(character) && !(character === '.' && escaped === '');
    escaped += plain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return escaped;
}

/** A directory must not look like an object or a piece. */
function escapeSuffix(escaped: string): string {
  for (const suffix of [objectSuffix, moreSuffix]) {
    if (escaped.endsWith(suffix)) return `${escaped.slice(0, -suffix.length)}%2E${suffix.slice(1)}`;
  }
  return escaped;
}

/** At least one piece; never cuts inside an escape. The same text is always cut at the same places. */
function splitEscaped(escaped: string): string[] {
  const pieces: string[] = [];
  let rest = escaped;
  while (rest.length > pieceLengthMax) {
    const percent = rest.lastIndexOf('%', pieceLengthMax - 1);
    const cut = percent > pieceLengthMax - 3 ? percent : pieceLengthMax;
    pieces.push(rest.slice(0, cut));
    rest = rest.slice(cut);
    if (rest.startsWith('.')) rest = `%2E${rest.slice(1)}`;
  }
  return [...pieces, rest];
}

function unescapeName(escaped: string): Buffer | undefined {
  if (escaped === '' || !/^(?:[A-Za-z0-9._\-+=@,]|%[0-9A-F]{2})+$/.test(escaped) || escaped.startsWith('.'))
    return undefined;
  if (!escaped.includes('%')) return Buffer.from(escaped);
  const binary = escaped.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(binary, 'latin1');
}
