import { BtfBuilder, type BtfFeatures, type BtfId, type BtfType } from '@skep/object';
import { Handle } from '../sys/handle.ts';
import { bpf } from './call.ts';

let known: BtfFeatures | undefined;

/** Which kinds of types this kernel knows, found out by offering it one of each. */
export function btfFeatures(): BtfFeatures {
  known ??= {
    func: accepts((add) => add({ kind: 'func', name: 'f', type: proto(add), linkage: 'static' })),
    datasec: accepts((add) => add(section(add, '.data'))),
    globalFunc: accepts((add) => add({ kind: 'func', name: 'f', type: proto(add), linkage: 'global' })),
    float: accepts((add) => add({ kind: 'float', name: 'float', size: 4 })),
    declTag: accepts((add) => add({ kind: 'decl_tag', name: 'tag', type: variable(add), component: -1 })),
    typeTag: accepts((add) => {
      const tag = add({ kind: 'type_tag', name: 'tag', type: int(add) });
      return add({ kind: 'ptr', type: tag });
    }),
    enum64: accepts((add) =>
      add({ kind: 'enum64', name: 'e', size: 8, signed: false, values: [{ name: 'E', value: 1n }] }),
    ),
    optionalDatasec: accepts((add) => add(section(add, '?.data'))),
    attributeTag: accepts((add) =>
      add({ kind: 'decl_tag', name: 'tag', type: variable(add), component: -1, attribute: true }),
    ),
  };
  return known;
}

type Add = (type: BtfType) => BtfId;

function accepts(build: (add: Add) => BtfId): boolean {
  const builder = new BtfBuilder();
  build((type) => builder.add(type));
  const bytes = builder.toBytes();
  const result = bpf('BPF_BTF_LOAD', { btf: bytes, btf_size: bytes.length });
  if (result >= 0) new Handle(result, 'probe').close();
  return result >= 0;
}

function int(add: Add): BtfId {
  return add({ kind: 'int', name: 'int', size: 4, bits: 32, offset: 0, signed: true, char: false, bool: false });
}

function proto(add: Add): BtfId {
  return add({ kind: 'func_proto', result: int(add), params: [] });
}

function variable(add: Add): BtfId {
  return add({ kind: 'var', name: 'v', type: int(add), linkage: 'static' });
}

function section(add: Add, name: string): BtfType {
  return { kind: 'datasec', name, size: 4, vars: [{ type: variable(add), offset: 0, size: 4 }] };
}
