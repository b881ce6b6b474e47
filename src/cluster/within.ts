/** Waits for promises for a limited time. They go on in any case. */

/** Whether the promise is fulfilled within this time. */
export async function isFulfilledWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const isFulfilled = promise.then(
    () => true,
    () => false,
  );
  const result = await Promise.race([isFulfilled, timeout]);
  clearTimeout(timer);
  return result;
}

/** What the promise is fulfilled with within this time; undefined when it is not. */
export async function fulfilledWithin<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let value: T | undefined;
  const fulfilled = promise.then((result) => {
    value = result;
  });
  await isFulfilledWithin(fulfilled, timeoutMs);
  return value;
}
