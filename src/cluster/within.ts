/** Whether the promise is fulfilled within this time. The promise goes on in any case. */
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
