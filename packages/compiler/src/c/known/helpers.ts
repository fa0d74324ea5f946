import { HELPERS, helperByName } from '@skep/abi';
import type { SourceFile, Span } from '@skep/base';
import type { FunctionDecl } from '../ast.ts';
import type { CType } from '../ctype.ts';
import { noAttributes } from '../parse/attributes.ts';
import type { Entity, Parser } from '../parse/parser.ts';
import { functionType, pointerTo, strip } from '../types.ts';
import { typeFromText } from './text.ts';

/** `#include <bpf/bpf_helpers.h>`: a helper function is declared when it is first named. */
export class KnownHelpers {
  find(name: string, p: Parser): Entity | undefined {
    if (!name.startsWith('bpf_')) return undefined;
    const helper = helperByName(name);
    if (helper === undefined) return undefined;
    const file: SourceFile = { name: '<helpers>', text: '' };
    const span: Span = { file, start: 0, end: 0 };
    const params = helper.params.map((param) => ({
      name: param.name,
      type: decayed(typeFromText(p, OVERLOADED.has(name) ? anyStruct(param.type) : spelled(param.type))),
    }));
    const decl: FunctionDecl = {
      kind: 'function',
      name,
      type: functionType(typeFromText(p, helper.result), params, helper.variadic),
      params: [],
      storage: 'extern',
      attributes: noAttributes(),
      body: undefined,
      locals: [],
      helper: helper.id,
      used: false,
      span,
    };
    p.functions.push(decl);
    p.linked.set(name, decl);
    return decl;
  }

  *names(): Generator<string> {
    for (const helper of HELPERS) yield helper.name;
  }
}

/**
 * The kernel's prototypes name its own context structs where programs have those of the UAPI, and `struct bpf_map` where
 * they pass variables of types of their own: any pointer will do there, as in libbpf's headers.
 */
function spelled(type: string): string {
  return type.replace(/\bstruct (bpf_map|sk_buff|sk_msg_buff|xdp_buff)\b/, (_all, tag: string) => SPELLED[tag]!);
}
const SPELLED: Record<string, string | undefined> = {
  bpf_map: 'void',
  sk_buff: 'struct __sk_buff',
  sk_msg_buff: 'struct sk_msg_md',
  xdp_buff: 'struct xdp_md',
};

/** Two helpers of one name and number: which struct they take depends on the type of the program. */
const OVERLOADED: ReadonlySet<string> = new Set(['bpf_get_socket_cookie', 'bpf_sk_assign']);

function anyStruct(type: string): string {
  return type.replace(/\bstruct \w+/, 'void');
}

function decayed(type: CType): CType {
  return strip(type).kind === 'function' ? pointerTo(type) : type;
}
