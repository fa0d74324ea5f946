import { register } from 'node:module';

// `node --import skep/register app.mjs`: Node imports TypeScript, its types taken out.
register('./strip-hook.js', import.meta.url);
