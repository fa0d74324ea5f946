export * from './column.ts';
export * from './format.ts';
export * from './json.ts';
export * from './table.ts';
