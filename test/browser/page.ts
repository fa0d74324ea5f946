import { type Inputs, work } from './work.ts';

/** The page, and its worker, which is the same script: fetch the files, work, say what came out. */
const answer = async (): Promise<string> => {
  try {
    const bytes = async (path: string) => new Uint8Array(await (await fetch(path)).arrayBuffer());
    const [types, xdp, opens, recording, pcap] = await Promise.all(
      ['/types.btf.gz', '/xdp_count.bpf.c', '/opens.bpf.c', '/opens.skep', '/packets.pcap'].map(bytes),
    );
    return JSON.stringify(await work({ types, xdp, opens, recording, pcap } as Inputs));
  } catch (error) {
    return JSON.stringify({ error: error instanceof Error ? `${error.stack}` : String(error) });
  }
};

if (typeof document === 'undefined') postMessage(await answer());
else {
  const show = (id: string, text: string) => {
    document.getElementById(id)!.textContent = text;
  };
  show('page', await answer());
  const worker = new Worker('/page.js', { type: 'module' });
  const done = new Promise<string>((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => resolve(JSON.stringify({ error: `the worker: ${message}` }));
  });
  show('worker', await done);
  await fetch('/shown', { method: 'POST', body: document.body.innerHTML });
}
