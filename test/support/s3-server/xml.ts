// The little XML that S3 speaks.

/** Text, or elements by name; a list repeats its element. */
export type XmlValue =
  | string
  | number
  | boolean
  | { readonly [name: string]: XmlValue | readonly XmlValue[] | undefined };

export function xmlDocument(name: string, value: XmlValue): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(name, value)}`;
}

function element(name: string, value: XmlValue | readonly XmlValue[] | undefined): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.map((item: XmlValue) => element(name, item)).join('');
  if (typeof value !== 'object') return `<${name}>${escapeText(String(value))}</${name}>`;
  const inner = Object.entries(value).map(([child, content]) => element(child, content));
  return `<${name}>${inner.join('')}</${name}>`;
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The contents of all elements of a name, at any depth; enough for the requests of S3, which do not nest a name in itself. */
export function xmlElements(xml: string, name: string): string[] {
  const pattern = new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, 'g');
  return [...xml.matchAll(pattern)].map((match) => match[1] as string);
}

/** The text of the first element of a name. */
export function xmlText(xml: string, name: string): string | undefined {
  const text = xmlElements(xml, name)[0];
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text?.replace(
    /&(?:#x([0-9a-fA-F]+)|#(\d+)|(amp|lt|gt|quot|apos));/g,
    (_, hex?: string, decimal?: string, word?: string) => {
      if (word !== undefined) return named[word] as string;
      return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
    },
  );
}
