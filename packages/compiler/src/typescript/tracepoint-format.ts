import { type Storage, storageByName } from './types.ts';

/** A field of a tracepoint's record. */
export interface TracepointField {
  readonly name: string;
  /** `located`: text whose place the field tells (`__data_loc`). */
  readonly storage: Storage | { readonly kind: 'located' };
  /** Bytes. */
  readonly offset: number;
}

/** The fields of a `format` file that a probe can use; arrays that are no text are left out. */
export function tracepointFields(text: string, category: string): TracepointField[] {
  const fields: TracepointField[] = [];
  for (const [, declaration = '', at, bytes, sign] of text.matchAll(
    /field:([^;]+);\s*offset:(\d+);\s*size:(\d+);\s*signed:(\d)/g,
  )) {
    const match = /^(.*?)(\w+)(\[[^\]]*\])?$/.exec(declaration.trim());
    const name = match?.[2];
    if (!match || name === undefined || name.startsWith('common_')) continue;
    const type = `${match[1]!.replace(/\bconst\b/g, '').trim()}${match[3] ?? ''}`.replace(/\s+/g, ' ');
    const storage = storageOf(type, Number(bytes), sign === '1', category);
    if (storage !== undefined) fields.push({ name, storage, offset: Number(at) });
  }
  return fields;
}

function storageOf(
  type: string,
  size: number,
  signed: boolean,
  category: string,
): TracepointField['storage'] | undefined {
  if (/^__data_loc char ?\[\]/.test(type)) return { kind: 'located' };
  if (type.startsWith('__')) {
    if (type.startsWith('__data_loc') || type.startsWith('__rel_loc')) return undefined;
  }
  if (type.endsWith(']')) return /^char ?\[/.test(type) ? { kind: 'string', size } : undefined;
  if (type.endsWith('*')) return { kind: 'pointer', space: category === 'syscalls' ? 'user' : 'kernel' };
  if (type === 'bool') return { kind: 'bool' };
  // Arguments of system calls have eight bytes each, whatever their type; the type says what of them counts.
  const known = SYSCALL_TYPES[type];
  if (category === 'syscalls' && known !== undefined) return storageByName(known) as Storage;
  if (type.startsWith('struct ') || type.startsWith('union ')) return undefined;
  const name = `${signed ? 'i' : 'u'}${size * 8}`;
  return storageByName(name);
}

/** C types of arguments of system calls, as stored values. */
const SYSCALL_TYPES: { readonly [type: string]: string } = {
  int: 'i32',
  long: 'i64',
  short: 'i16',
  'unsigned int': 'u32',
  unsigned: 'u32',
  uint: 'u32',
  'unsigned long': 'u64',
  'unsigned short': 'u16',
  size_t: 'u64',
  umode_t: 'u16',
  pid_t: 'i32',
  uid_t: 'u32',
  gid_t: 'u32',
  qid_t: 'u32',
  key_t: 'i32',
  mqd_t: 'i32',
  clockid_t: 'i32',
  timer_t: 'i32',
  u32: 'u32',
  __u32: 'u32',
  __s32: 'i32',
  loff_t: 'i64',
  off_t: 'i64',
  u64: 'u64',
  __u64: 'u64',
  key_serial_t: 'i32',
  rwf_t: 'i32',
  aio_context_t: 'u64',
  old_uid_t: 'u16',
};

/** One line of the table of known tracepoints: `name:type@offset …`. */
export function packFields(fields: readonly TracepointField[]): string {
  return fields.map(({ name, storage, offset }) => `${name}:${nameOf(storage)}@${offset}`).join(' ');
}

export function unpackFields(line: string): TracepointField[] {
  return line
    .split(' ')
    .filter(Boolean)
    .map((one) => {
      const [, name, type, offset] = /^(\w+):([^@]+)@(\d+)$/.exec(one)!;
      return {
        name: name!,
        storage: type === 'text' ? { kind: 'located' } : storageByName(type!)!,
        offset: Number(offset),
      };
    });
}

function nameOf(storage: TracepointField['storage']): string {
  switch (storage.kind) {
    case 'int':
      return `${storage.signed ? 'i' : 'u'}${storage.bits}`;
    case 'string':
      return `char[${storage.size}]`;
    case 'pointer':
      return storage.space === 'user' ? 'uptr' : 'kptr';
    case 'located':
      return 'text';
    default:
      return storage.kind;
  }
}
