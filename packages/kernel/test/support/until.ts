/** Waits until `done` says so: for the thing itself, and `seconds` at most, which are for a machine that is busy. Whether it did. */
export async function until(done: () => boolean, seconds = 30): Promise<boolean> {
  const end = performance.now() + 1000 * seconds;
  for (let pause = 1; !done(); pause = Math.min(2 * pause, 50)) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return true;
}
