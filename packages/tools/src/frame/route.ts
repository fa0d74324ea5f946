import { EXIT, SkepError, suggest } from '@skep/base';
import type { Recording } from '@skep/capture';
import { kernelFunctions, kernelRelease, probeFeature, tracefsRoot, tracepointExists } from '@skep/kernel';
import { compileTypes } from 'skep';
import { noRoute, noSuchRoute } from '../diagnostics.ts';
import type { Need, Route, Tool } from './tool.ts';

/** The first route that this kernel offers, or the one that was asked for. Throws E9001, E9002. */
export function chooseRoute(tool: Tool, wanted: string | undefined): Route {
  if (wanted !== undefined) return namedRoute(tool, wanted);
  const missing: string[] = [];
  for (const route of tool.routes) {
    const lacks = route.needs.map(lack).find((one) => one !== undefined);
    if (lacks === undefined) return route;
    missing.push(`${route.name}: ${lacks}`);
  }
  throw new SkepError(noRoute(tool.name, kernelRelease(), missing), EXIT.kernelLacksFeature);
}

/** The route whose programs a recording has runs of: that of the machine which it was made on. */
export function recordedRoute(
  tool: Tool,
  recording: Recording,
  programsOf: (route: Route) => readonly string[],
): Route {
  const recorded = new Set(recording.blocks.flatMap((one) => (one.kind === 'hook' ? [one.hook.section] : [])));
  const found = tool.routes.find((route) => programsOf(route).every((section) => recorded.has(section)));
  return found ?? tool.routes[0]!;
}

export function namedRoute(tool: Tool, name: string): Route {
  const names = tool.routes.map((one) => one.name);
  const found = tool.routes.find((one) => one.name === name);
  if (found === undefined) throw new SkepError(noSuchRoute(tool.name, name, suggest(name, names), names), EXIT.usage);
  return found;
}

/** What of a need this kernel has not, in words; undefined when it has it. */
export function lack(need: Need): string | undefined {
  switch (need.kind) {
    case 'tracepoint': {
      if (tracefsRoot() === undefined) return 'tracefs cannot be reached';
      const [category, name] = need.name.split(':') as [string, string];
      return tracepointExists(category, name) ? undefined : `there is no tracepoint ${need.name}`;
    }
    case 'kprobe':
      if (!probeFeature('kprobe').ok) return 'kprobes are not possible here';
      return kernelFunctions(need.name).length > 0 ? undefined : `no function ${need.name} can be probed`;
    case 'fentry':
      if (!probeFeature('fentry').ok) return 'programs at functions (fentry) are not possible here';
      return compileTypes().find(need.name, 'func') ? undefined : `there is no function ${need.name}`;
    case 'member': {
      const [type, member] = need.name.split('.') as [string, string];
      return hasMember(type, member) ? undefined : `struct ${type} has no member ${member}`;
    }
  }
}

function hasMember(name: string, member: string): boolean {
  const btf = compileTypes();
  const id = btf.find(name, 'struct');
  const type = id === undefined ? undefined : btf.type(id);
  return type?.kind === 'struct' && type.members.some((one) => one.name === member);
}
