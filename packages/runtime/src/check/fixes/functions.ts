/** What functions return, promise and take. */
import type { Expr, FunctionDecl } from '@skep/compiler';
import { printType, strip } from '@skep/compiler';
import { bare } from '../source-tree.ts';
import type { Proposal } from './editing.ts';
import type { Site } from './site.ts';

/** E2120 */
export function* allowedReturn(site: Site): Generator<Proposal> {
  const { allowed } = site.explanation.subject;
  // BPF_PROG and its kin put the body into a function of their own.
  const names = [site.program.name, `____${site.program.name}`];
  const fns = site.tree.functions.filter((one) => names.includes(one.name));
  if (allowed === undefined) return;
  const [least, most] = allowed;
  const { offset } = site;
  const returns = site.tree.nodes.filter(
    (one) => one.it.kind === 'return' && fns.includes(one.fn) && site.isWritten(one.it),
  );
  const here = returns.filter(({ it }) => offset !== undefined && it.span.start <= offset && offset < it.span.end);
  const usual = least <= 0n && most >= 0n ? 0n : least;
  for (const node of [...here, ...returns.filter((one) => !here.includes(one))]) {
    if (node.it.kind !== 'return' || node.it.value === undefined) continue;
    const value = node.it.value;
    const text = site.source(value);
    const constant = bare(value).kind === 'int';
    if (constant) {
      const given = (bare(value) as Expr & { kind: 'int' }).value;
      if (given >= least && given <= most) continue;
      for (const other of least === 0n && most === 1n ? [1n, 0n] : [given > most ? most : least, usual])
        yield { title: `return ${other}`, edits: [site.replace(value, String(other))] };
      continue;
    }
    if (least === 0n && most === 1n)
      yield {
        title: 'return 1 for everything but 0',
        edits: [site.replace(value, `!!${/^[\w]+$/.test(text) ? text : `(${text})`}`)],
      };
    if (site.isSimple(text) && least !== most)
      yield {
        title: 'return only what is allowed',
        edits: site.before(node, [
          `if (${text} < ${least} || ${text} > ${most})`,
          `${site.unit}return ${least < 0n ? (least === -4095n ? '-1' : least) : most};`,
        ]),
      };
    yield { title: `return ${usual}`, edits: [site.replace(value, String(usual))] };
  }
}

/** E2124: every path ends. */
export function* endFunction(site: Site): Generator<Proposal> {
  for (const fn of site.tree.functions) {
    const last = fn.body?.body.at(-1);
    if (last === undefined || last.kind === 'return' || fn.body === undefined) continue;
    const at = fn.body.span.end - 1;
    const result = strip(fn.type);
    if (result.kind !== 'function' || strip(result.result).kind === 'void') continue;
    yield { title: 'return a value at the end', edits: [{ start: at, end: at, text: `${site.unit}return 0;\n` }] };
  }
}

/** E2112: a promise that the function makes, or no promise at all. */
export function* functionContract(site: Site): Generator<Proposal> {
  const { callee } = site.explanation.subject;
  const fn = site.tree.functions.find((one) => one.name === callee);
  if (fn === undefined) return;
  const line = site.text.lastIndexOf('\n', fn.span.start) + 1;
  const before = site.text.slice(line, fn.span.start);
  const start = /\S/.test(before) || !/\n\s*$/.test(site.text.slice(0, line)) ? line : fn.span.start;
  const head = /(^|\n)((?:__noinline|__attribute__\(\([^)]*\)\)|[A-Za-z_][\w \t*]*?)\s+\*?)$/.exec(
    site.text.slice(0, nameStart(site, fn)),
  );
  const at = head === null ? start : head.index + (head[1]?.length ?? 0);
  for (const param of fn.params) {
    if (strip(param.type).kind !== 'pointer') continue;
    const end = site.endOfDeclarator(param);
    for (const tag of ['__arg_nonnull', '__arg_trusted', '__arg_ctx'])
      yield { title: `promise with ${tag} what \`${param.name}\` is`, edits: [{ start: end, end, text: ` ${tag}` }] };
  }
  yield {
    title: `make ${fn.name}() static: it is checked with each call then`,
    edits: [{ start: at, end: at, text: 'static ' }],
  };
}

function nameStart(site: Site, fn: FunctionDecl): number {
  const found = new RegExp(`\\b${fn.name}\\s*\\(`).exec(site.text.slice(fn.span.start));
  return found === null ? fn.span.start : fn.span.start + found.index;
}

/** E2127: the address in place of the value, or a copy on the stack. */
export function* argumentType(site: Site): Generator<Proposal> {
  const { argument, statement } = site;
  if (argument === undefined || statement === undefined || !site.isWritten(argument)) return;
  const text = site.source(argument);
  let inner: Expr = argument;
  while (inner.kind === 'cast') inner = inner.operand;
  if (inner.kind === 'var' || inner.kind === 'member') {
    yield {
      title: `pass the address: \`&${site.source(inner)}\``,
      edits: [site.replace(argument, `&${site.source(inner)}`)],
    };
  }
  if (inner.kind === 'address')
    yield {
      title: `pass \`${site.source(inner.place)}\` itself`,
      edits: [site.replace(argument, site.source(inner.place))],
    };
  const target = strip(inner.type);
  if (target.kind === 'pointer' && strip(target.to).kind !== 'void') {
    yield {
      title: 'copy it to the stack first',
      edits: [
        ...site.before(statement, [
          `${printType(target.to, 'copy')};`,
          `bpf_probe_read_kernel(&copy, sizeof(copy), ${text});`,
        ]),
        site.replace(argument, '&copy'),
      ],
    };
  }
  if (target.kind === 'pointer')
    yield {
      title: 'copy it to the stack first',
      edits: [
        ...site.before(statement, [`${printType(strip(target.to), 'copy')} = *${text};`]),
        site.replace(argument, '&copy'),
      ],
    };
  const fn = site.tree.functions.find((one) => one === statement.fn);
  const context = fn?.params[0];
  if (context !== undefined && context.name !== text && strip(context.type).kind === 'pointer')
    yield { title: `pass the context, \`${context.name}\``, edits: [site.replace(argument, context.name)] };
  for (const map of site.object.maps) {
    if (map.data !== undefined || site.explanation.subject.argument !== 1) continue;
    yield { title: `pass the map \`${map.name}\``, edits: [site.replace(argument, `&${map.name}`)] };
  }
}
