export { executeTool, type ToolCall } from './frame/execute.ts';
export { optionName, optionsOf } from './frame/options.ts';
export { compileProgram } from './frame/program.ts';
export type { Tool, ToolOption } from './frame/tool.ts';
export { TOOLS } from './tools/index.ts';
export * from './trace/index.ts';
