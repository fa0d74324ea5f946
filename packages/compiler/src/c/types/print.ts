import type { CType, FunctionType, RecordType } from '../ctype.ts';

/** A type as C writes it, around an optional name: `int (*handlers[4])(void *)`. Typedef names stay. */
export function printType(type: CType, name = ''): string {
  let inner = name;
  let at = type;
  let quals = '';
  // Declarators are read inside out: pointers go to the left, arrays and parameters to the right.
  for (;;) {
    switch (at.kind) {
      case 'qualified':
        quals = `${at.const ? 'const ' : ''}${at.volatile ? 'volatile ' : ''}${at.restrict ? 'restrict ' : ''}${at.arena ? '__arena ' : ''}${quals}`;
        at = at.type;
        break;
      case 'pointer': {
        const space = inner !== '' && /^[\w$]/.test(inner) ? (quals === '' ? '' : ' ') : '';
        inner = `*${quals.trimEnd()}${space}${inner}`;
        quals = '';
        at = at.to;
        break;
      }
      case 'array':
        inner = `${parenthesised(inner)}[${at.count ?? ''}]`;
        at = at.of;
        break;
      case 'function':
        inner = `${parenthesised(inner)}(${parameters(at)})`;
        at = at.result;
        break;
      case 'tagged':
        quals = `${quals}__attribute__((btf_type_tag(${JSON.stringify(at.tag)}))) `;
        at = at.type;
        break;
      default: {
        const base = `${quals}${specifier(at)}`;
        return inner === '' ? base : `${base} ${inner}`;
      }
    }
  }
}

/** As messages name a type: in quotes, with what a typedef stands for. */
export function describeType(type: CType): string {
  const written = printType(type);
  const meant = printType(desugar(type));
  return written === meant ? `'${written}'` : `'${written}' (that is '${meant}')`;
}

function desugar(type: CType): CType {
  switch (type.kind) {
    case 'typedef': {
      const inner = desugar(type.type);
      // An unnamed record is best known by its typedef.
      return (inner.kind === 'record' || inner.kind === 'enum') && inner.tag === undefined ? type : inner;
    }
    case 'pointer':
      return { kind: 'pointer', to: desugar(type.to) };
    case 'array':
      return { kind: 'array', of: desugar(type.of), count: type.count };
    case 'qualified':
      return { ...type, type: desugar(type.type) };
    default:
      return type;
  }
}

function specifier(type: CType): string {
  switch (type.kind) {
    case 'void':
      return 'void';
    case 'int':
    case 'float':
    case 'typedef':
      return type.name;
    case 'record':
      return recordName(type);
    case 'enum':
      return `enum ${type.tag ?? '(unnamed)'}`;
    default:
      return '?';
  }
}

function recordName(type: RecordType): string {
  return `${type.union ? 'union' : 'struct'} ${type.tag ?? '(unnamed)'}`;
}

function parenthesised(inner: string): string {
  return inner.startsWith('*') ? `(${inner})` : inner;
}

function parameters(type: FunctionType): string {
  if (type.unspecified) return '';
  const list = type.params.map((param) => printType(param.type, param.name));
  if (type.variadic) list.push('...');
  return list.length === 0 ? 'void' : list.join(', ');
}
