import { SkepError, type SourceFile, type Span, suggest } from '@skep/base';
import type { VariableDecl } from '../c/ast.ts';
import { constantOf } from '../c/constant.ts';
import type { CType, EnumType, RecordType } from '../c/ctype.ts';
import { complete, isCharacter, sizeOf, strip } from '../c/types.ts';
import { compileToTree } from '../compile.ts';
import { cDefinitions } from './diagnostics.ts';
import type { TraceTarget } from './target.ts';
import {
  type AddressSpace,
  BOOL,
  int,
  literalType,
  NONE,
  pointer,
  type StructField,
  string,
  type TraceType,
} from './type.ts';

/** A constant of C: of an enumeration, or a macro. */
export type CConstant =
  | { readonly kind: 'int'; readonly value: bigint; readonly type: TraceType }
  | { readonly kind: 'string'; readonly value: string };

/**
 * The C types and constants that a script can name: those defined in front of its probes, of headers that it includes,
 * and the kernel's.
 */
export class CTypes {
  private readonly definitions: string;
  private readonly target: TraceTarget;
  private readonly types = new Map<string, TraceType | undefined>();
  private readonly constants = new Map<string, CConstant | undefined>();
  private readonly records = new Map<RecordType, TraceType>();
  private made = 0;

  /** Throws E1517 when the definitions are no C. */
  constructor(
    definitions: readonly { readonly text: string; readonly span: Span }[],
    includes: readonly string[],
    target: TraceTarget,
  ) {
    this.target = target;
    this.definitions = [...includes.map((one) => `#include "${one}"`), ...definitions.map((one) => tolerant(one.text))]
      .join('\n')
      // The kernel's own header of that name has the families of addresses.
      .replace(/^\s*#\s*include\s*<linux\/socket\.h>/gm, '$&\n#include <sys/socket.h>');
    if (this.definitions === '') return;
    const result = this.compile('');
    if (!result.ok) {
      const first = result.diagnostics[0]!;
      const header = /`?([^`'" ]+\.h)`?/.exec(first.message)?.[1];
      throw new SkepError(
        cDefinitions(
          first.message,
          definitions.find((one) => header !== undefined && one.text.includes(header))?.span ?? definitions[0]?.span,
          first.help,
        ),
      );
    }
    // Constants without a name that asks for them: enumerators, so that they print by name.
    for (const match of this.definitions.matchAll(/\benum\b[^{;]*\{([^}]*)\}/g)) {
      for (const name of match[1]!.matchAll(/(?:^|,)\s*([A-Za-z_]\w*)/g)) this.constant(name[1]!);
    }
  }

  /** `struct foo`, `uint64_t`, `enum bar`; undefined when there is no such type. */
  type(name: string): TraceType | undefined {
    const known = BASIC.get(name);
    if (known) return known;
    if (this.types.has(name)) return this.types.get(name);
    const found = this.variable(`${name} skep_type;`, 'skep_type');
    const type = found && this.convert(found.type);
    this.types.set(name, type);
    return type;
  }

  /** The name of a struct, union or enum of the kernel that is nearly the one that was meant. */
  nearest(name: string): string | undefined {
    const [, word, tag = ''] = /^(struct|union|enum) (\w+)$/.exec(name) ?? [];
    const btf = this.target.btf?.();
    if (btf === undefined || word === undefined) return undefined;
    const names: string[] = [];
    for (let id = 1; id < btf.count; id++) {
      const own = btf.kind(id) === word ? btf.name(id) : '';
      // Those that begin alike are enough, and few.
      if (own[0] === tag[0] && Math.abs(own.length - tag.length) < 3) names.push(own);
    }
    const found = suggest(tag, names);
    return found && `${word} ${found}`;
  }

  constant(name: string): CConstant | undefined {
    if (this.constants.has(name)) return this.constants.get(name);
    let constant: CConstant | undefined;
    const enumerated = this.variable(
      `typeof(${name}) skep_type; static const long skep_value = (long)(${name});`,
      'skep_type',
      'skep_value',
    );
    const value = enumerated && firstConstant(enumerated);
    if (value?.kind === 'int')
      constant = {
        kind: 'int',
        value: value.value,
        type: this.enumOf(name, value.value) ?? literalType(value.value),
      };
    else {
      const text = this.variable(`static const char skep_value[] = ${name};`, 'skep_value');
      const bytes = text?.init?.parts[0]?.value;
      if (bytes?.kind === 'string')
        constant = { kind: 'string', value: String.fromCharCode(...bytes.bytes).replace(/\0+$/, '') };
    }
    this.constants.set(name, constant);
    return constant;
  }

  /** Which enumeration an enumerator belongs to, so that its values print as names. */
  private enumOf(name: string, value: bigint): TraceType | undefined {
    const body = [...this.definitions.matchAll(/\benum\s*(\w*)\s*\{([^}]*)\}/g)].find((one) =>
      new RegExp(`(^|[,\\s])${name}\\s*(=|,|$)`).test(one[2]!),
    );
    if (body) {
      const tag = body[1]!;
      const cached = this.enums.get(body[2]!);
      if (cached) return cached;
      const values = new Map<bigint, string>();
      const type: TraceType = { ...int(8, false), names: { tag: tag || undefined, values } };
      this.enums.set(body[2]!, type);
      const list = [...body[2]!.matchAll(/(?:^|,)\s*([A-Za-z_]\w*)/g)].map((one) => one[1]!);
      for (const each of list) {
        const found = each === name ? value : this.rawConstant(each);
        if (found !== undefined && !values.has(found)) values.set(found, each);
      }
      return type;
    }
    const btf = this.target.btf?.();
    const found = btf?.enumerator(name);
    if (!btf || !found) return undefined;
    const known = this.enums.get(String(found.enum));
    if (known) return known;
    const own = btf.type(found.enum);
    if (own.kind !== 'enum' && own.kind !== 'enum64') return undefined;
    const made: TraceType = {
      ...int(8, false),
      names: { tag: own.name || undefined, values: new Map(own.values.map((one) => [one.value, one.name])) },
    };
    this.enums.set(String(found.enum), made);
    return made;
  }
  private readonly enums = new Map<string, TraceType>();

  private rawConstant(name: string): bigint | undefined {
    const found = this.variable(`static const long skep_value = (long)(${name});`, 'skep_value');
    const value = found && firstConstant(found);
    return value?.kind === 'int' ? value.value : undefined;
  }

  private compile(text: string) {
    const { target } = this;
    const source: SourceFile = {
      name: 'definitions.h',
      text: `#define BPFTRACE_HAVE_BTF 1\n#include "vmlinux.h"\n${this.definitions}\n${text}\n`,
    };
    const plain: SourceFile = {
      name: 'definitions.h',
      text: `#include <linux/types.h>\n${this.definitions}\n${text}\n`,
    };
    const btf = target.btf?.();
    return compileToTree(btf ? source : plain, {
      ...(btf && { vmlinux: btf }),
      ...(target.readFile && { readFile: (path: string) => target.readFile!(path) }),
      ...(target.includePaths && { includePathsAfter: target.includePaths }),
    });
  }

  private variable(text: string, ...names: string[]): VariableDecl | undefined {
    const result = this.compile(text);
    if (!result.ok) return undefined;
    return result.value.variables.find((one) => one.name === names.at(-1));
  }

  /** A C type as scripts see it: characters in a row are a string, unions and structs keep their layout. */
  convert(type: CType, space: AddressSpace = 'none'): TraceType {
    const bare = strip(type);
    switch (bare.kind) {
      case 'int':
        return bare.bool
          ? BOOL
          : bare.size === 16
            ? { kind: 'array', of: int(8, bare.signed), count: 2 }
            : int(bare.size, bare.signed);
      case 'enum':
        return this.enumType(bare);
      case 'pointer':
        return pointer(this.convertPointee(bare.to, space), space);
      case 'array': {
        const of = this.convert(bare.of, space);
        const count = bare.count ?? 0;
        const element = strip(bare.of);
        // The kernel's `char` comes as one without a sign.
        const character =
          element.kind === 'int' &&
          (element.name === 'char' || (this.inKernel && bare.of.kind !== 'typedef' && isCharacter(bare.of)));
        return character && count > 0 ? string(count) : { kind: 'array', of, count };
      }
      case 'record':
        return this.recordType(bare, space);
      default:
        return NONE;
    }
  }

  /** What a pointer points to may point back. */
  private convertPointee(type: CType, space: AddressSpace): TraceType {
    const bare = strip(type);
    return bare.kind === 'function' ? NONE : this.convert(type, space);
  }

  private enumType(type: EnumType): TraceType {
    const values = new Map<bigint, string>();
    for (const { name, value } of type.enumerators) if (!values.has(value)) values.set(value, name);
    const { size, signed } = type.underlying ?? { size: 4, signed: false };
    return { ...int(size, signed), names: { tag: type.tag, values } };
  }

  private recordType(record: RecordType, space: AddressSpace): TraceType {
    const known = this.records.get(record);
    if (known) return known;
    const word = record.union ? 'union' : 'struct';
    const name = record.tag === undefined ? `${word} (anonymous ${++this.made})` : `${word} ${record.tag}`;
    let fields: readonly StructField[] | undefined;
    const self: TraceType = {
      kind: 'struct',
      name,
      anonymous: record.tag === undefined,
      // Asked for late: a pointer to it does not need it.
      get size() {
        return complete(record) === undefined ? 0 : (sizeOf(record) ?? 0);
      },
      fields: () => (fields ??= this.fieldsOf(record, 0, space)),
      kernel: record.span === undefined,
    };
    this.records.set(record, self);
    return self;
  }

  private inKernel = false;
  private fieldsOf(record: RecordType, base: number, space: AddressSpace): StructField[] {
    const found: StructField[] = [];
    this.inKernel = record.span === undefined;
    for (const field of complete(record)?.fields ?? []) {
      const bare = strip(field.type);
      const at = base + Math.floor(field.bitOffset / 8);
      if (field.name === undefined) {
        if (bare.kind === 'record') found.push(...this.fieldsOf(bare, at, space));
        continue;
      }
      this.inKernel = record.span === undefined;
      const type = this.convert(field.type, space);
      if (field.bitWidth === undefined) found.push({ name: field.name, type, offset: at });
      else {
        // Read as a whole unit of the declared type.
        const unit = bare.kind === 'int' || bare.kind === 'enum' ? ((sizeOf(bare) ?? 4) as number) : 8;
        const absolute = base * 8 + field.bitOffset;
        const start = Math.floor(absolute / (unit * 8)) * unit;
        const fits = absolute - start * 8 + field.bitWidth <= unit * 8;
        const offset = fits ? start : Math.floor(absolute / 8);
        found.push({ name: field.name, type, offset, bits: { offset: absolute - offset * 8, width: field.bitWidth } });
      }
    }
    return found;
  }
}

function firstConstant(variable: VariableDecl): ReturnType<typeof constantOf> {
  const value = variable.init?.parts[0]?.value;
  // Zeros are not written down.
  return value === undefined ? variable.init && { kind: 'int', value: 0n } : constantOf(value);
}

/** A member without its semicolon in front of `}` is taken, as other compilers do. */
function tolerant(text: string): string {
  if (text.startsWith('#')) return text;
  const isEnum = /^enum\b/.test(text);
  const closed = isEnum
    ? text
    : text
        .replace(/([^;{}\s])(\s*)\}/g, '$1;$2}')
        .replace(/\}(\s*)\}/g, '};$1}')
        .replace(/(\}\s*\w+(?:\[\d+\])?)(\s*)\}/g, '$1;$2}');
  return /;\s*$/.test(closed) ? closed : `${closed};`;
}

/** The types of the language itself, and those of C that need no header. */
const BASIC: ReadonlyMap<string, TraceType> = new Map<string, TraceType>([
  ...[1, 2, 4, 8].flatMap((size): [string, TraceType][] => {
    const bits = size * 8;
    return [
      [`int${bits}`, int(size, true)],
      [`uint${bits}`, int(size, false)],
      [`int${bits}_t`, int(size, true)],
      [`uint${bits}_t`, int(size, false)],
      [`s${bits}`, int(size, true)],
      [`u${bits}`, int(size, false)],
    ];
  }),
  ['bool', BOOL],
  ['void', NONE],
  ['char', int(1, true)],
  ['unsigned char', int(1, false)],
  ['signed char', int(1, true)],
  ['short', int(2, true)],
  ['unsigned short', int(2, false)],
  ['int', int(4, true)],
  ['unsigned', int(4, false)],
  ['unsigned int', int(4, false)],
  ['long', int(8, true)],
  ['long int', int(8, true)],
  ['unsigned long', int(8, false)],
  ['long long', int(8, true)],
  ['unsigned long long', int(8, false)],
  ['size_t', int(8, false)],
  ['ssize_t', int(8, true)],
  ['pid_t', int(4, true)],
]);
