export * from './column.ts';
export * from './filter.ts';
export * from './flame-graph.ts';
export * from './format.ts';
export * from './histogram.ts';
export * from './json.ts';
export * from './stacks.ts';
export * from './table.ts';
