/** Calls made by a click: the page says what went wrong, and the live feed shows what came of it. */

import { useCallback, useState } from 'preact/hooks';

export interface Notice {
  readonly text: string;
  readonly number: number;
}

export type Act = (call: () => Promise<unknown>) => void;

/** The last call that failed, and a way to make calls. */
export function useActions(): { notice: Notice | undefined; act: Act; dismiss: () => void } {
  const [notice, setNotice] = useState<Notice>();
  const act = useCallback<Act>((call) => {
    call().then(
      () => setNotice(undefined),
      (error: unknown) =>
        setNotice((last) => ({
          text: error instanceof Error ? error.message : String(error),
          number: (last?.number ?? 0) + 1,
        })),
    );
  }, []);
  return { notice, act, dismiss: () => setNotice(undefined) };
}
