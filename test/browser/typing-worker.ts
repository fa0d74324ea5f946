import { type Port, serveCompiler } from '@skep/compiler';

serveCompiler(globalThis as unknown as Port);
