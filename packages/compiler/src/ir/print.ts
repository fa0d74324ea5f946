import { hex } from '@skep/base';
import { bytesOf, typeOf } from './constant.ts';
import type {
  AsmInst,
  Block,
  Callee,
  Func,
  Global,
  Inst,
  Module,
  Param,
  ScalarType,
  Target,
  Terminator,
  Value,
} from './ir.ts';

/** The module as text, which `parse.ts` reads back. Spans and the table of types are left out. */
export function printModule(module: Module): string {
  const parts = [`module ${quote(module.name)}\n`];
  if (module.globals.length > 0) parts.push(module.globals.map(printGlobal).join(''));
  for (const func of module.functions) parts.push(printFunction(func));
  return parts.join('\n');
}

function printGlobal(global: Global): string {
  const words = [`global @${global.name}: ${global.linkage}`];
  if (global.hidden) words.push('hidden');
  if (global.used) words.push('used');
  words.push(quote(global.section), `size ${global.size} align ${global.align}`);
  if (global.type !== 0) words.push(`type ${global.type}`);
  if (global.constant) words.push('constant');
  for (const tag of global.declTags) words.push(`tag ${tag.component} ${quote(tag.value)}`);
  if (global.init !== undefined) words.push(`init "${hex(global.init)}"`);
  for (const one of global.relocations) words.push(`at ${one.offset} @${one.target.name}${plus(one.addend)}`);
  return `${words.join(' ')}\n`;
}

export function printFunction(func: Func): string {
  const names = nameValues(func);
  const params = func.params.map((param) => `${printParam(names, param)}${param.origin ? ` ${param.origin}` : ''}`);
  const words = [`func @${func.name}(${params.join(', ')}): ${func.result} ${func.linkage}`];
  if (func.hidden) words.push('hidden');
  if (func.used) words.push('used');
  if (func.section !== undefined) words.push(`section ${quote(func.section)}`);
  if (func.inline !== 'auto') words.push(`inline ${func.inline}`);
  if (func.type !== 0) words.push(`type ${func.type}`);
  for (const tag of func.declTags) words.push(`tag ${tag.component} ${quote(tag.value)}`);
  if (func.blocks.length === 0) return `${words.join(' ')}\n`;
  const lines = [`${words.join(' ')} {`];
  for (const block of func.blocks) {
    const own = block.params.map((param) => printParam(names, param));
    lines.push(`${names.blocks.get(block)}${own.length > 0 ? `(${own.join(', ')})` : ''}:`);
    for (const inst of block.insts) lines.push(`  ${printInst(names, inst)}`);
    lines.push(`  ${printTerminator(names, func, block.term)}`);
  }
  lines.push('}\n');
  return lines.join('\n');
}

interface Names {
  readonly values: ReadonlyMap<Value, string>;
  readonly blocks: ReadonlyMap<Block, string>;
}

/** Parameters and allocas keep their names, made unique; everything else gets a number in the order of the text. */
function nameValues(func: Func): Names {
  const values = new Map<Value, string>();
  const blocks = new Map<Block, string>();
  const taken = new Set<string>();
  const suffixes = new Map<string, number>();
  let next = 0;
  const give = (value: Value, name: string | undefined) => {
    let text: string;
    if (name !== undefined && /^[A-Za-z_$][\w$.]*$/.test(name)) {
      text = name;
      while (taken.has(text)) {
        const suffix = (suffixes.get(name) ?? 0) + 1;
        suffixes.set(name, suffix);
        text = `${name}.${suffix}`;
      }
      taken.add(text);
    } else {
      text = String(next++);
    }
    values.set(value, `%${text}`);
  };
  for (const param of func.params) give(param, param.name);
  for (const [i, block] of func.blocks.entries()) {
    blocks.set(block, `b${i}`);
    for (const param of block.params) give(param, param.name);
    for (const inst of block.insts) {
      if (inst.type !== 'void') give(inst, inst.kind === 'alloca' ? inst.name : undefined);
    }
  }
  return { values, blocks };
}

function printParam(names: Names, param: Param): string {
  return `${names.values.get(param)}: ${param.type}`;
}

function printInst(names: Names, inst: Inst): string {
  const body = printBody(names, inst);
  return inst.type === 'void' ? body : `${names.values.get(inst)} = ${body}`;
}

function printBody(names: Names, inst: Inst): string {
  const bare = (value: Value) => operand(names, value, false);
  switch (inst.kind) {
    case 'binary':
      return `${inst.op} ${inst.type} ${bare(inst.a)}, ${bare(inst.b)}`;
    case 'compare':
      return `${inst.op} ${typeOf(inst.a)} ${bare(inst.a)}, ${bare(inst.b)}`;
    case 'cast':
      return `${inst.op} ${typeOf(inst.value)} ${bare(inst.value)} to ${inst.type}`;
    case 'select':
      return `select ${inst.type} ${bare(inst.condition)}, ${bare(inst.a)}, ${bare(inst.b)}`;
    case 'bswap':
      return `bswap ${inst.type} ${bare(inst.value)}`;
    case 'known':
      return `known ${typeOf(inst.value)} ${bare(inst.value)}`;
    case 'alloca':
      return `alloca ${inst.size} align ${inst.align}`;
    case 'ptradd':
      return `ptradd ${bare(inst.base)}, ${bare(inst.offset)}`;
    case 'load':
      return `load ${inst.type} ${bare(inst.address)}${plus(inst.offset)}${access(inst.type as ScalarType, inst)}`;
    case 'store': {
      const type = typeOf(inst.value) as ScalarType;
      return `store ${type} ${bare(inst.value)}, ${bare(inst.address)}${plus(inst.offset)}${access(type, inst)}`;
    }
    case 'atomic': {
      const op = inst.fetch ? `fetch ${inst.op}` : inst.op;
      const expected = inst.expected === undefined ? '' : `, ${bare(inst.expected)}`;
      return `atomic ${op} i${inst.width} ${bare(inst.address)}, ${bare(inst.value)}${expected}`;
    }
    case 'memcpy': {
      const flags = `${inst.overlap ? ' overlap' : ''}${inst.volatile ? ' volatile' : ''}`;
      return `memcpy ${bare(inst.target)}, ${bare(inst.source)}, ${inst.size} align ${inst.align}${flags}`;
    }
    case 'memset':
      return `memset ${bare(inst.target)}, ${bare(inst.value)}, ${inst.size} align ${inst.align}`;
    case 'call':
      return `call ${inst.type} ${printCallee(names, inst.callee)}(${list(names, inst.args)})`;
    case 'core':
      return `core ${inst.relocation} ${inst.root} ${quote(inst.access)} ${inst.value}`;
    case 'barrier':
      return inst.value === undefined ? 'barrier' : `barrier ${inst.type} ${bare(inst.value)}`;
    case 'asm':
      return printAsm(names, inst);
    case 'asm-result':
      return `asm-result ${bare(inst.asm)}, ${inst.index}`;
    case 'note':
      return `note ${quote(inst.variable.name)} ${inst.value === undefined ? 'nowhere' : operand(names, inst.value, true)}`;
  }
}

function printAsm(names: Names, inst: AsmInst): string {
  const operands = inst.operands.map(({ name, place, input, result, early }) => {
    const parts = [
      name === undefined ? '' : `[${name}]`,
      result === undefined ? '' : `=${early ? '&' : ''}`,
      place,
      input === undefined ? '' : operand(names, inst.inputs[input]!, true),
    ];
    return parts.filter((part) => part !== '').join(' ');
  });
  const clobbers = inst.clobbers.map((reg) => `r${reg}`).join(' ');
  return `asm ${quote(inst.template)} (${operands.join(', ')})${clobbers === '' ? '' : ` clobbers ${clobbers}`}`;
}

function printCallee(names: Names, callee: Callee): string {
  if (callee.kind === 'helper') return `helper ${callee.id} ${quote(callee.name)}`;
  if (callee.kind === 'func') return `func @${callee.func.name}`;
  return `pointer ${operand(names, callee.pointer, false)}`;
}

function printTerminator(names: Names, func: Func, term: Terminator): string {
  const to = ({ block, args }: Target) =>
    `${names.blocks.get(block) ?? 'nowhere'}${args.length > 0 ? `(${list(names, args)})` : ''}`;
  switch (term.kind) {
    case 'jump':
      return `jump ${to(term.target)}${unroll(term.unroll)}`;
    case 'branch': {
      const likely = term.likely === undefined ? '' : term.likely ? ' likely' : ' unlikely';
      const condition = operand(names, term.condition, false);
      return `branch ${condition}, ${to(term.then)}, ${to(term.else)}${likely}${unroll(term.unroll)}`;
    }
    case 'switch': {
      const cases = term.cases.map((one) => `${one.value}: ${to(one.target)}`).join(', ');
      const value = operand(names, term.value, false);
      return `switch ${typeOf(term.value)} ${value}, ${to(term.otherwise)} [${cases}]`;
    }
    case 'asm-goto':
      return `asm-goto ${to(term.otherwise)} [${term.targets.map(to).join(', ')}] ${printAsm(names, term.asm)}`;
    case 'return':
      return term.value === undefined ? 'return' : `return ${operand(names, term.value, func.result === 'void')}`;
    case 'unreachable':
      return term.trap ? 'trap' : 'unreachable';
  }
}

function unroll(hint: 'full' | 'disable' | number | undefined): string {
  return hint === undefined ? '' : ` unroll ${hint}`;
}

function access(type: ScalarType, inst: { readonly align: number; readonly volatile: boolean }): string {
  return `${inst.align === bytesOf(type) ? '' : ` align ${inst.align}`}${inst.volatile ? ' volatile' : ''}`;
}

function list(names: Names, values: readonly Value[]): string {
  return values.map((value) => operand(names, value, true)).join(', ');
}

/** `typed`: where the text around it does not say the type of a number. */
function operand(names: Names, value: Value, typed: boolean): string {
  switch (value.kind) {
    case 'global':
    case 'func':
      return `@${value.name}`;
    case 'undef':
      return typed ? `${value.type} undef` : 'undef';
    case 'const': {
      const number = value.type === 'i1' ? String(value.value === 1n) : String(value.value);
      return typed ? `${value.type} ${number}` : number;
    }
    default:
      return names.values.get(value) ?? '%missing';
  }
}

function plus(offset: number): string {
  return offset === 0 ? '' : offset > 0 ? ` + ${offset}` : ` - ${-offset}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
