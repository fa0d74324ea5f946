import { ATTACH_TYPES, LINK_TYPES, nameOfValue } from '@skep/abi';
import { holders, kernelBtf, type LinkInfo, linkInfo, listLinks, openLink, openLinkHandle } from '@skep/kernel';
import { heldBy } from './held.ts';
import { type Kind, members, short } from './loaded-kind.ts';

export const linkKind: Kind = {
  key: 'links',
  titles: ['ID', 'TYPE', 'PROGRAM', 'TARGET', 'HELD BY'],
  list() {
    const held = holders();
    return listLinks().map((one) => ({ ...described(one), holders: heldBy(held, 'link', one.id) }));
  },
  actions: {
    show: {
      run(which) {
        using handle = openLinkHandle(which);
        const one = linkInfo(handle.fd);
        const data = { ...described(one), holders: heldBy(holders(), 'link', one.id) };
        return { text: members(data), data };
      },
    },
    detach: {
      run(which) {
        using link = openLink(which);
        link.detach();
        return undefined;
      },
    },
    pin: {
      takes: 'PATH',
      run(which, [path]) {
        using link = openLink(which);
        link.pin(path!);
        return undefined;
      },
    },
  },
};

function described(one: LinkInfo) {
  return {
    id: one.id,
    type: short(nameOfValue(LINK_TYPES, one.type) ?? String(one.type)),
    program: one.programId,
    target: targetOf(one),
  };
}

function targetOf(link: LinkInfo): string {
  const attachType = link.attachType === undefined ? '' : (nameOfValue(ATTACH_TYPES, link.attachType) ?? '');
  const parts = [attachType.replace(/^BPF_(TRACE_)?/, '').toLowerCase()];
  if (link.ifindex !== 0) parts.push(`interface ${link.ifindex}`);
  if (link.cgroupId !== 0n) parts.push(`cgroup ${link.cgroupId}`);
  if (link.btfId !== 0) parts.push(functionName(link.btfId));
  return parts.filter((part) => part !== '').join(' ');
}

function functionName(id: number): string {
  try {
    const type = kernelBtf().type(id);
    return 'name' in type ? type.name : `type ${id}`;
  } catch {
    return `type ${id}`;
  }
}
