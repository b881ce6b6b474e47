import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

/** Lets the keyboard reach an element that scrolls: it takes the focus, and then the arrow keys. */
export function useKeyboardScroll(element: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    if (element.current !== null) element.current.tabIndex = 0;
  }, [element]);
}
