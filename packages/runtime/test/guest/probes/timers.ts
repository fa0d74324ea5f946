import { comm, counter, interval, perf } from 'skep/probe';

export const samples = counter({ key: 'char[16]' });
export const ticks = { seen: 0 };

perf({ frequency: 97 }, () => samples.add(comm()));
interval(100, () => {
  ticks.seen += 1;
});
