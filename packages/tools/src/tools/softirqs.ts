import { interruptDisplay, interruptOptions } from '../frame/interrupts.ts';
import type { Tool } from '../frame/tool.ts';

export const softirqs: Tool = {
  name: 'softirqs',
  summary: 'Time that processors spend in soft interrupts, by kind',
  intervals: true,
  options: interruptOptions,
  everybody: 'interrupts come to whoever is running',
  routes: [
    { name: 'irq', kind: 'exact', program: 'softirqs', needs: [{ kind: 'tracepoint', name: 'irq:softirq_entry' }] },
  ],
  examples: [
    { line: 'skep softirqs', does: 'sums until Ctrl-C' },
    { line: 'skep softirqs 1 10', does: 'every second, ten times' },
    { line: 'skep softirqs -dN 5 1', does: 'histograms in nanoseconds over five seconds' },
  ],
  display: (given) =>
    interruptDisplay(given, 'SOFTIRQ', 'softirq', (key) => KINDS[key as unknown as number] ?? String(key)),
};

/** `enum` of include/linux/interrupt.h. */
const KINDS = ['hi', 'timer', 'net_tx', 'net_rx', 'block', 'irq_poll', 'tasklet', 'sched', 'hrtimer', 'rcu'];
