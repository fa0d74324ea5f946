import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { type Loaded, openFile, readRecording, type Value, vm } from '../src/index.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples/', import.meta.url));

async function opened() {
  const host = vm({ recording: await readRecording(`${EXAMPLES}opens.skep`) });
  const loaded = openFile(`${EXAMPLES}opens.bpf.c`).spec.load(host);
  return { host, loaded };
}

/** What is read until the signal, or the end of the recording. */
async function read(loaded: Loaded, signal?: AbortSignal): Promise<Value[]> {
  const records: Value[] = [];
  for await (const batch of loaded.records.get('events')!.batches({ ...(signal && { signal }) }))
    records.push(...batch);
  return records;
}

it('reading records plays the recording to its end, as replaying it does', async () => {
  const one = await opened();
  one.loaded.attach();
  const records = await read(one.loaded);

  const other = await opened();
  other.loaded.attach();
  const replayed: Value[] = [];
  for (const _ of other.host.replay!()) other.loaded.records.get('events')!.drain((record) => replayed.push(record));
  expect(replayed.length).toBeGreaterThan(20);
  expect(records).toEqual(replayed);
});

it('what somebody replays is not played by readers as well', async () => {
  const { host, loaded } = await opened();
  loaded.attach();
  const stop = new AbortController();
  const reading = read(loaded, stop.signal);
  for (const _ of host.replay!()) await new Promise((resolve) => setTimeout(resolve));
  stop.abort();
  expect(await reading).toHaveLength(28);
});

it('nothing is played before programs are attached', async () => {
  const { loaded } = await opened();
  expect(await read(loaded, AbortSignal.timeout(50))).toEqual([]);
  loaded.attach();
  expect(await read(loaded)).toHaveLength(28);
});
