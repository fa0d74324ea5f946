import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { probeFeature } from './features.ts';
import { kernelRelease, kernelVersionCode } from './sys/release.ts';

/**
 * What the running kernel was built with, as its configuration spells it: `y`, `m`, `1000`, `"text"`; undefined when it is
 * not set or the configuration is not to be found. Names beginning with `LINUX_` are those that loaders answer themselves.
 */
export function kernelSetting(name: string): string | undefined {
  switch (name) {
    case 'LINUX_KERNEL_VERSION':
      return String(kernelVersionCode());
    case 'LINUX_HAS_BPF_COOKIE':
      return probeFeature('perf_link').ok ? '1' : '0';
    // System calls take one argument, the registers of their caller, on all kernels that there are on these machines.
    case 'LINUX_HAS_SYSCALL_WRAPPER':
      return '1';
    default:
      settings ??= readSettings();
      return settings.get(name);
  }
}

let settings: ReadonlyMap<string, string> | undefined;

function readSettings(): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of configuration().split('\n')) {
    const equals = line.indexOf('=');
    if (equals > 0 && line.startsWith('CONFIG_')) found.set(line.slice(0, equals), line.slice(equals + 1));
  }
  return found;
}

/** CONFIG_IKCONFIG_PROC where the kernel has it, else what distributions install beside the kernel. */
function configuration(): string {
  const release = kernelRelease();
  for (const path of ['/proc/config.gz', `/boot/config-${release}`, `/lib/modules/${release}/config`]) {
    try {
      const bytes = readFileSync(path);
      return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
    } catch {
      // The next place.
    }
  }
  return '';
}
