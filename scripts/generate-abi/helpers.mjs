/** The helpers of linux/bpf.h: prototypes out of its documentation comment, numbers out of its list of functions. */
export function parseHelpers(text) {
  const start = text.indexOf('Start of BPF helper function descriptions');
  const end = text.indexOf('#define ___BPF_FUNC_MAPPER');
  const ids = new Map(
    [...text.slice(end).matchAll(/\bFN\((\w+),\s*(\d+), ##ctx\)/g)].map(([, name, id]) => [`bpf_${name}`, Number(id)]),
  );
  const helpers = new Map();
  for (const line of text.slice(start, end).split('\n')) {
    const prototype = /^ \* ((?:const )?(?:struct )?\w+ (?:\w+ )?\**)(bpf_\w+)\((.*)\)\s*;?$/.exec(line);
    if (!prototype) continue;
    const [, result, name, list] = prototype;
    const id = ids.get(name);
    if (id === undefined) throw new Error(`no number for ${name}`);
    helpers.set(name, { id, name, result: result.trim(), ...parseParams(list) });
  }
  for (const name of ids.keys())
    if (name !== 'bpf_unspec' && !helpers.has(name)) throw new Error(`no prototype of ${name}`);
  return [...helpers.values()].sort((a, b) => a.id - b.id);
}

function parseParams(list) {
  const parts = list.split(',').map((part) => part.trim());
  const variadic = parts.at(-1) === '...';
  if (variadic) parts.pop();
  if (parts.length === 1 && parts[0] === 'void') return { params: [], variadic };
  const params = parts.map((part) => {
    const [, type, name] = /^(.*?)(\w+)$/.exec(part);
    return { type: type.trim(), name };
  });
  return { params, variadic };
}
