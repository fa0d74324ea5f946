import { interruptDisplay, interruptOptions } from '../frame/interrupts.ts';
import type { Tool } from '../frame/tool.ts';

export const hardirqs: Tool = {
  name: 'hardirqs',
  summary: 'Time that processors spend in handlers of interrupts, by handler',
  intervals: true,
  options: interruptOptions,
  everybody: 'interrupts come to whoever is running',
  routes: [
    {
      name: 'irq',
      kind: 'exact',
      program: 'hardirqs',
      needs: [{ kind: 'tracepoint', name: 'irq:irq_handler_entry' }],
    },
  ],
  examples: [
    { line: 'skep hardirqs', does: 'sums until Ctrl-C' },
    { line: 'skep hardirqs -C 1 10', does: 'how many, every second, ten times' },
    { line: 'skep hardirqs -d 5 1', does: 'histograms over five seconds' },
  ],
  display: (given) => interruptDisplay(given, 'HARDIRQ', 'hardirq', (key) => (key as unknown as { name: string }).name),
};
