import { SkepError } from '@skep/base';
import * as say from '../diagnostics.ts';
import { LAYERS, type LayerName } from '../packets.ts';
import { bare, type Call, type Expression, type Member, type OptionalCall, type OptionalMember } from '../syntax.ts';
import { BOOLEAN, describe, U64 } from '../types.ts';
import { expression, GLOBALS } from './expressions.ts';
import { packetHeader } from './headers.ts';
import { asIntCall, convert, libraryFunction, mathCall } from './library.ts';
import { includes, LISTS, listIn } from './lists.ts';
import type { Lowering } from './lowering.ts';
import { emitEvent, mapMethod } from './maps.ts';
import { declarationOf, memberName, reached } from './members.ts';
import { ownFunction } from './own-functions.ts';
import { readText, startsWith } from './texts.ts';
import type { Value } from './value.ts';

export function callExpression(l: Lowering, node: Call | OptionalCall, isStatement: boolean): Value {
  if (node.callee.type === 'V8IntrinsicIdentifier') return l.fail(say.unsupported('operator', l.span(node)));
  const callee = bare(node.callee as Expression);
  if (callee.type === 'MemberExpression' || callee.type === 'OptionalMemberExpression')
    return methodCall(l, node, callee, isStatement);
  if (callee.type === 'Import') return l.fail(say.unsupported('async', l.span(node), '`import()`'));
  if (callee.type !== 'Identifier') return l.fail(say.unsupported('nested', l.span(node)));
  const binding = l.local(callee.name) ? undefined : l.shared.home.bindings.get(callee.name);
  if (binding?.kind === 'function') return ownFunction(l, binding, node);
  if (binding?.kind === 'library') return libraryFunction(l, binding.name, node);
  if (binding?.kind === 'foreign') return l.fail(say.otherModule(callee.name, l.span(callee)));
  if (callee.name === 'BigInt' || callee.name === 'Number') return convert(l, callee.name, node);
  if (l.local(callee.name)?.kind === 'broken' || binding?.kind === 'refused') throw new SkepError([]);
  if (GLOBALS.has(callee.name)) return l.fail(say.noLibrary(`${callee.name}`, l.span(callee)));
  return l.fail(l.unknown(callee.name, callee));
}

export function argumentsOf(l: Lowering, node: Call | OptionalCall): Expression[] {
  return node.arguments.map((one) => {
    if (one.type === 'SpreadElement' || one.type === 'ArgumentPlaceholder')
      return l.fail(say.unsupported('destructuring', l.span(one)));
    return one;
  });
}

export function exactly(l: Lowering, node: Call | OptionalCall, what: string, count: number): Expression[] {
  const args = argumentsOf(l, node);
  if (args.length !== count)
    l.fail(
      say.wrongCount(what, count === 0 ? 'no argument' : `${count} argument${count === 1 ? '' : 's'}`, l.span(node)),
    );
  return args;
}

function methodCall(
  l: Lowering,
  node: Call | OptionalCall,
  callee: Member | OptionalMember,
  isStatement: boolean,
): Value {
  const name = memberName(l, callee);
  const on = bare(callee.object as Expression);
  if (on.type === 'Identifier' && !l.local(on.name) && (on.name === 'Math' || on.name === 'BigInt'))
    return on.name === 'Math' ? mathCall(l, name, node) : asIntCall(l, name, node);
  if (on.type === 'Identifier' && !l.local(on.name) && GLOBALS.has(on.name) && !l.shared.home.bindings.has(on.name))
    return l.fail(say.noLibrary(`${on.name}.${name}`, l.span(node)));
  const list = listIn(l, on);
  if (list !== undefined && name === 'includes') return includes(l, list, node);
  if (list !== undefined) return l.fail(say.unsupported('library', l.span(node), `\`${name}()\` of a list`, LISTS));
  const declaration = declarationOf(l, on);
  if (declaration?.kind === 'events') return emitEvent(l, declaration.name, declaration.storage, name, node);
  if (declaration?.kind === 'params') return l.fail(say.unknownMember('`params`', name, [], l.span(callee.property)));
  if (declaration) return mapMethod(l, declaration, name, node, isStatement);
  const object = reached(l, expression(l, callee.object as Expression), callee);
  return valueMethod(l, object, name, node, callee);
}

function valueMethod(
  l: Lowering,
  object: Value,
  name: string,
  node: Call | OptionalCall,
  callee: Member | OptionalMember,
): Value {
  const { type } = object;
  const missing = (names: Iterable<string>): never =>
    l.fail(say.unknownMember(describe(type), name, names, l.span(callee.property)));
  if (type.kind === 'pointer') {
    if (name !== 'str') return missing(['str']);
    const [argument] = exactly(l, node, '`str()`', 1) as [Expression];
    const size = expression(l, argument).constant;
    if (typeof size !== 'number' || size < 1 || size > 65536)
      return l.fail(say.wrongType('no constant size', 'how many bytes at most: `str(64)`', l.span(argument)));
    const from = `(void *)(${object.c})`;
    return {
      type: { kind: 'string', size },
      c: '@text',
      ok: object.ok,
      chain: object.ok !== undefined,
      into: (to, room) => readText(type.space, to, Math.min(room, size), from),
    };
  }
  if (type.kind === 'context') {
    const context = l.context!.object!;
    if (context.arg && name === 'arg') {
      const [argument] = exactly(l, node, '`arg()`', 1) as [Expression];
      const index = expression(l, argument).constant;
      if (typeof index !== 'number' || index < 0 || index > 4 || !Number.isInteger(index))
        return l.fail(say.wrongType('no such argument', 'a constant from 0 to 4', l.span(argument)));
      return { type: U64, c: context.arg(index) };
    }
    const layer = context.first[name];
    if (layer === undefined)
      return l.fail(
        say.unknownMember(
          context.what,
          name,
          [...Object.keys(context.first), ...(context.arg ? ['arg'] : [])],
          l.span(callee.property),
        ),
      );
    exactly(l, node, `\`${name}()\``, 0);
    const when =
      name === 'ipv4'
        ? '(ctx->protocol == bpf_htons(0x0800))'
        : name === 'ipv6'
          ? '(ctx->protocol == bpf_htons(0x86dd))'
          : undefined;
    return packetHeader(l, layer, '(void *)(long)ctx->data', when);
  }
  if (type.kind === 'packet') {
    const layer = LAYERS[type.layer as LayerName];
    const next = layer.next[name];
    if (next === undefined) return missing(Object.keys(layer.next));
    exactly(l, node, `\`${name}()\``, 0);
    const here = (text: string): string => text.replace(/\bh\b/g, object.c);
    const when = here(next.when);
    return packetHeader(
      l,
      next.layer,
      here(next.at),
      object.ok === undefined ? `(${when})` : `(${object.ok} && ${when})`,
    );
  }
  if (type.kind === 'string' && name === 'startsWith') {
    const [argument] = exactly(l, node, '`startsWith()`', 1) as [Expression];
    const prefix = expression(l, argument).constant;
    if (typeof prefix !== 'string')
      return l.fail(say.wrongType('no constant', "a text such as '/etc/'", l.span(argument)));
    const c = startsWith(l, object, prefix, argument);
    return { type: BOOLEAN, c: object.ok === undefined ? c : `(${object.ok} && ${c})` };
  }
  if (type.kind === 'string') return l.fail(say.unsupported('text', l.span(node), `\`${name}()\``));
  if (type.kind === 'number' || type.kind === 'bigint' || type.kind === 'boolean')
    return l.fail(say.unsupported(TO_TEXT.test(name) ? 'text' : 'library', l.span(node), `\`${name}()\``));
  return missing([]);
}

const TO_TEXT = /^to(Locale)?String$|^to(Fixed|Precision|Exponential)$/;
