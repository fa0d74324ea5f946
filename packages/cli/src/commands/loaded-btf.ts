import { btfBytesOf, holders, kernelBtf, listBtfs } from '@skep/kernel';
import { Btf, btfToC } from '@skep/object';
import { heldBy } from './held.ts';
import { type Kind, members } from './loaded-kind.ts';

export const btfKind: Kind = {
  key: 'btf',
  titles: ['ID', 'NAME', 'BYTES', 'KERNEL', 'HELD BY'],
  list() {
    const held = holders();
    return listBtfs().map((one) => ({
      id: one.id,
      name: one.name,
      bytes: one.size,
      kernel: one.kernel,
      holders: heldBy(held, 'btf', one.id),
    }));
  },
  actions: {
    show: {
      run(which) {
        const { types, name, kernel, bytes } = read(Number(which));
        const data = { id: Number(which), name, bytes, kernel, types: types.count - 1 };
        return { text: members(data), data };
      },
    },
    dump: {
      run(which) {
        const { types, name } = read(Number(which));
        const text = btfToC(types);
        return { text, data: { id: Number(which), name, types: types.count - 1, text } };
      },
    },
  },
};

function read(id: number) {
  const bytes = btfBytesOf(id);
  const info = listBtfs().find((one) => one.id === id);
  const ontoKernel = info?.kernel === true && info.name !== 'vmlinux';
  const types = Btf.parse(bytes, ontoKernel ? kernelBtf() : undefined);
  return { types, name: info?.name ?? '', kernel: info?.kernel ?? false, bytes: bytes.length };
}
