// Arrays: an INT32 count, or in flexible versions a UVARINT of count + 1, then the elements.
// A count is believed only when so many elements of the smallest size fit into what remains.

import type { AnyField, Field, FieldOf, FieldOptions, InOf, NoOptions, OutOf } from './field.ts';
import { isNullable } from './field.ts';
import { within } from './field-path.ts';
import { compactLength, lengthOrNull, longLength, writeNull } from './length-prefix.ts';

const empty: readonly never[] = Object.freeze([]);

export function array<E extends AnyField, const O extends FieldOptions<readonly OutOf<E>[]> = NoOptions>(
  elementField: E,
  given?: O,
): FieldOf<readonly OutOf<E>[], readonly InOf<E>[], O> {
  type Out = OutOf<E>;
  type In = InOf<E>;
  const element = elementField as unknown as Field<Out, In, boolean>;
  const options: FieldOptions<readonly Out[]> = given ?? {};
  const absent = options.default === undefined ? empty : options.default;
  const field: Field<readonly Out[] | null, readonly In[] | null, boolean> = {
    typeName: `[]${element.typeName}`,
    options,
    optional: 'default' in options || options.tag !== undefined,
    absent,
    inner: element.inner,
    isAbsent: (value) => (absent === null ? value === null : value !== null && value.length === 0),
    compile: (at) => {
      const nullable = isNullable(options, at.version);
      const prefix = at.flexible ? compactLength : longLength;
      const codec = element.compile(at);
      return {
        bytesMin: prefix.bytesMin,
        decode: (reader) => {
          const count = lengthOrNull(reader, prefix, nullable);
          if (count === null) return null;
          reader.elements(count, codec.bytesMin);
          const out: Out[] = [];
          try {
            while (out.length < count) out.push(codec.decode(reader));
          } catch (error) {
            throw within(`[${out.length}]`, error);
          }
          return out;
        },
        encode: (writer, value) => {
          if (value === null) return writeNull(writer, prefix, nullable);
          prefix.write(writer, value.length);
          let index = 0;
          try {
            for (; index < value.length; index++) codec.encode(writer, value[index] as In);
          } catch (error) {
            throw within(`[${index}]`, error);
          }
        },
      };
    },
  };
  return field as unknown as FieldOf<readonly Out[], readonly In[], O>;
}
