import { SkepError, suggest } from '@skep/base';
import type { Btf, BtfId } from '@skep/object';
import type { ProbeDeclaration } from './declarations.ts';
import { badTarget, needsTypes, unknownTarget } from './diagnostics.ts';
import {
  functionSignature,
  iteratorNames,
  iteratorSignature,
  type Signature,
  tracepointSignature,
  typeOfBtf,
} from './kernel-types.ts';
import type { LayerName } from './packets.ts';
import type { ProbeTarget } from './target.ts';
import { type TracepointField, tracepointFields } from './tracepoint-format.ts';
import { type Access, NUMBER, numberOf, type Type, U64 } from './types.ts';

/** What a probe's program gets and gives back. */
export interface ProbeContext {
  readonly section: string;
  /** Type of the C function's parameter. */
  readonly c: string;
  /** For parameters of the arrow function by their place: values ready to use. */
  readonly args: readonly { readonly type: Type; readonly c: string }[];
  /** C before the probe's own. */
  readonly first?: string;
  /** The single parameter is an object with members. */
  readonly object: ContextObject | undefined;
  readonly result: 'nothing' | 'number' | 'verdict';
  /** Of `number` and `verdict`, for people. */
  readonly resultText: string;
}

export interface ContextObject {
  readonly what: string;
  /** Fields of the record. */
  readonly fields: ReadonlyMap<string, ContextField>;
  /** `c.arg(n)`. */
  readonly arg: ((index: number) => string) | undefined;
  /** `p.eth()`. */
  readonly first: { readonly [name: string]: LayerName };
}

export type ContextField =
  | { readonly kind: 'value'; readonly type: Type; readonly c: string; readonly assign?: (value: string) => string }
  | { readonly kind: 'stored'; readonly field: TracepointField };

const NO_FIELDS: ReadonlyMap<string, ContextField> = new Map();
const NOTHING = { result: 'nothing', resultText: '' } as const;

/** Throws E1643, E1644, E1647 when there is no such place to attach to. */
export function contextOf(
  probe: ProbeDeclaration,
  target: ProbeTarget,
  known: (name: string) => readonly TracepointField[] | undefined,
  knownNames: () => Iterable<string>,
): ProbeContext {
  const { kind, target: name, targetSpan: span } = probe;
  const plain = (what: string, extra: Partial<ContextObject> = {}): ContextObject => ({
    what,
    fields: NO_FIELDS,
    arg: undefined,
    first: {},
    ...extra,
  });
  switch (kind) {
    case 'tracepoint': {
      const match = /^(\w[\w-]*):(\w+)$/.exec(name);
      if (!match) throw new SkepError(badTarget(kind, "'category:name'", span));
      const [, category, event] = match as unknown as [string, string, string];
      const format = target.tracepointFormat?.(category, event);
      const fields = format === undefined ? known(name) : tracepointFields(format, category);
      if (fields === undefined)
        throw new SkepError(unknownTarget('tracepoint', name, suggest(name, knownNames()), span));
      return {
        section: `tracepoint/${category}/${event}`,
        c: 'void *',
        args: [],
        object: plain(`tracepoint ${name}`, {
          fields: new Map(fields.map((field) => [field.name, { kind: 'stored', field }])),
        }),
        ...NOTHING,
      };
    }
    case 'raw_tp':
    case 'tp_btf': {
      const btf = typesFor(kind, target, span);
      const signature = tracepointSignature(btf, name);
      if (signature === undefined) throw new SkepError(unknownTarget(kind, name, suggest(name, rawNames(btf)), span));
      return {
        section: `${kind}/${name}`,
        c: 'u64 *',
        args: slots(btf, signature, kind === 'tp_btf' ? 'direct' : 'probe'),
        object: undefined,
        ...NOTHING,
      };
    }
    case 'fentry':
    case 'fexit':
    case 'lsm': {
      const btf = typesFor(kind, target, span);
      const signature = functionSignature(btf, kind === 'lsm' ? `bpf_lsm_${name}` : name);
      if (signature === undefined)
        throw new SkepError(
          unknownTarget(kind, name, suggest(name, kind === 'lsm' ? lsmNames(btf) : functionNames(btf)), span),
        );
      const args = slots(btf, signature, 'direct');
      const result = typeOfBtf(btf, signature.result, 'direct');
      const last = signature.params.length;
      if (kind === 'fexit' && signature.result !== 0 && result)
        args.push({ type: result, c: slot(btf, signature.result, last, result) });
      if (kind === 'lsm') args.push({ type: NUMBER, c: `(s64)(int)ctx[${last}]` });
      return {
        section: `${kind}/${name}`,
        c: 'u64 *',
        args,
        object: undefined,
        ...(kind === 'lsm' ? { result: 'number', resultText: '0, or a negative errno' } : NOTHING),
      };
    }
    case 'kprobe':
    case 'kretprobe': {
      const btf = target.btf?.();
      const signature = btf && functionSignature(btf, name);
      if (btf !== undefined && signature === undefined)
        throw new SkepError(unknownTarget(kind, name, suggest(name, functionNames(btf)), span));
      if (!/^\w+$/.test(name)) throw new SkepError(badTarget(kind, "'function'", span));
      if (btf === undefined || signature === undefined) throw new SkepError(needsTypes(kind, span));
      const args: { type: Type; c: string }[] = [];
      if (kind === 'kprobe') {
        for (const [i, one] of signature.params.slice(0, 5).entries()) {
          const type = typeOfBtf(btf, one.id, 'probe') ?? U64;
          args.push({ type, c: castTo(type, `PT_REGS_PARM${i + 1}(ctx)`, btf, one.id) });
        }
      } else if (signature.result !== 0) {
        const type = typeOfBtf(btf, signature.result, 'probe') ?? U64;
        args.push({ type, c: castTo(type, 'PT_REGS_RC(ctx)', btf, signature.result) });
      }
      return { section: `${kind}/${name}`, c: 'struct pt_regs *', args, object: undefined, ...NOTHING };
    }
    case 'iter': {
      const btf = typesFor(kind, target, span);
      const signature = iteratorSignature(btf, name);
      if (signature === undefined)
        throw new SkepError(unknownTarget(kind, name, suggest(name, iteratorNames(btf)), span));
      const args = signature.params.map((one, i) => {
        const type = typeOfBtf(btf, one.id, 'direct') ?? U64;
        return { type, given: castTo(type, `ctx->${one.name}`, btf, one.id), c: `each_${i}` };
      });
      return {
        section: `iter/${name}`,
        c: `struct bpf_iter__${name} *`,
        // After the last there is one more run, with nothing.
        first: args
          .map(({ type, given, c }) =>
            type.kind === 'kernel' ? `${type.tag} *${c} = ${given}; if (!${c}) return 0;` : `u64 ${c} = ${given};`,
          )
          .join(' '),
        args,
        object: undefined,
        ...NOTHING,
      };
    }
    case 'uprobe':
    case 'uretprobe': {
      if (!/^\/?[^:\0]+:[\w.$+]+$/.test(name)) throw new SkepError(badTarget(kind, "'binary:function'", span));
      const fields = new Map<string, ContextField>(
        kind === 'uretprobe' ? [['ret', { kind: 'value', type: U64, c: '(u64)PT_REGS_RC(ctx)' }]] : [],
      );
      return {
        section: `${kind}/${name}`,
        c: 'struct pt_regs *',
        args: [],
        object: plain(kind, { fields, arg: kind === 'uprobe' ? (i) => `(u64)PT_REGS_PARM${i + 1}(ctx)` : undefined }),
        ...NOTHING,
      };
    }
    case 'xdp':
      return {
        section: 'xdp',
        c: 'struct xdp_md *',
        args: [],
        object: plain('xdp', {
          first: { eth: 'eth' },
          fields: new Map([
            ['length', { kind: 'value', type: numberOf(32, false), c: '(ctx->data_end - ctx->data)' }],
            ['ifindex', { kind: 'value', type: numberOf(32, false), c: 'ctx->ingress_ifindex' }],
          ]),
        }),
        result: 'number',
        resultText: 'one of `Xdp`',
      };
    case 'tc':
    case 'cgroup_skb': {
      if (name !== 'ingress' && name !== 'egress')
        throw new SkepError(unknownTarget(kind, name, suggest(name, ['ingress', 'egress']), span));
      const fields = new Map<string, ContextField>([
        ['length', { kind: 'value', type: numberOf(32, false), c: 'ctx->len' }],
        ['ifindex', { kind: 'value', type: numberOf(32, false), c: 'ctx->ifindex' }],
        [
          'mark',
          {
            kind: 'value',
            type: numberOf(32, false),
            c: 'ctx->mark',
            assign: (value) => `ctx->mark = (u32)(${value});`,
          },
        ],
      ]);
      return kind === 'tc'
        ? {
            section: `tcx/${name}`,
            c: 'struct __sk_buff *',
            args: [],
            object: plain('tc', { first: { eth: 'eth' }, fields }),
            result: 'number',
            resultText: 'one of `Tc`',
          }
        : {
            section: `cgroup_skb/${name}`,
            c: 'struct __sk_buff *',
            args: [],
            object: plain('cgroup_skb', { first: { ipv4: 'ipv4', ipv6: 'ipv6' }, fields }),
            result: 'verdict',
            resultText: 'true or false',
          };
    }
    case 'cgroup': {
      const hooks = ['connect4', 'connect6', 'bind4', 'bind6', 'sendmsg4', 'sendmsg6'];
      if (!hooks.includes(name)) throw new SkepError(unknownTarget('cgroup', name, suggest(name, hooks), span));
      const fields = new Map<string, ContextField>([
        [
          'port',
          {
            kind: 'value',
            type: numberOf(16, false),
            c: 'bpf_ntohs((u16)ctx->user_port)',
            assign: (value) => `ctx->user_port = bpf_htons((u16)(${value}));`,
          },
        ],
        ['family', { kind: 'value', type: numberOf(32, false), c: 'ctx->family' }],
        ['type', { kind: 'value', type: numberOf(32, false), c: 'ctx->type' }],
        ['protocol', { kind: 'value', type: numberOf(32, false), c: 'ctx->protocol' }],
      ]);
      if (name.endsWith('4'))
        fields.set('addr', {
          kind: 'value',
          type: numberOf(32, false),
          c: 'bpf_ntohl(ctx->user_ip4)',
          assign: (value) => `ctx->user_ip4 = bpf_htonl((u32)(${value}));`,
        });
      return {
        section: `cgroup/${name}`,
        c: 'struct bpf_sock_addr *',
        args: [],
        object: plain(`cgroup ${name}`, { fields }),
        result: 'verdict',
        resultText: 'true or false',
      };
    }
    case 'perf':
      return {
        section: 'perf_event',
        c: 'struct bpf_perf_event_data *',
        args: [],
        object: plain('perf', { fields: new Map([['period', { kind: 'value', type: U64, c: 'ctx->sample_period' }]]) }),
        ...NOTHING,
      };
  }
}

function typesFor(kind: string, target: ProbeTarget, span: Parameters<typeof needsTypes>[1]): Btf {
  const btf = target.btf?.();
  if (btf === undefined) throw new SkepError(needsTypes(kind, span));
  return btf;
}

function slots(btf: Btf, signature: Signature, access: Access): { type: Type; c: string }[] {
  return signature.params.map((one, i) => {
    const type = typeOfBtf(btf, one.id, access) ?? U64;
    return { type, c: slot(btf, one.id, i, type) };
  });
}

function slot(btf: Btf, id: BtfId, index: number, type: Type): string {
  return castTo(type, `ctx[${index}]`, btf, id);
}

/** A register or slot as what it means. */
function castTo(type: Type, c: string, btf: Btf, id: BtfId): string {
  switch (type.kind) {
    case 'number':
      return `(s64)(${type.min < 0 ? 's' : 'u'}${sizeIn(btf, id) * 8})${c}`;
    case 'boolean':
      return `(bool)(u8)${c}`;
    case 'kernel':
      return `(${type.tag} *)${c}`;
    case 'bigint':
      return `(${type.signed ? 's64' : 'u64'})${c}`;
    default:
      return `(u64)${c}`;
  }
}

function sizeIn(btf: Btf, id: BtfId): number {
  return btf.sizeOf(btf.resolve(id));
}

function* rawNames(btf: Btf): Generator<string> {
  for (const id of btf.ids()) {
    if (btf.kind(id) !== 'typedef') continue;
    const name = btf.name(id);
    if (name.startsWith('btf_trace_')) yield name.slice('btf_trace_'.length);
  }
}

function* functionNames(btf: Btf): Generator<string> {
  for (const id of btf.ids()) if (btf.kind(id) === 'func') yield btf.name(id);
}

function* lsmNames(btf: Btf): Generator<string> {
  for (const name of functionNames(btf)) if (name.startsWith('bpf_lsm_')) yield name.slice('bpf_lsm_'.length);
}
