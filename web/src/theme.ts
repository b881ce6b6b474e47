/** Dark or light: as the system has it, unless it was chosen here. */

export type Theme = 'dark' | 'light';

const ATTRIBUTE = 'data-theme';
const STORAGE_KEY = 'threadraft-theme';
const CHANGED = 'threadraft-theme-changed';
const systemIsLight = matchMedia('(prefers-color-scheme: light)');

export function currentTheme(): Theme {
  const theme = document.documentElement.getAttribute(ATTRIBUTE);
  if (theme === 'dark' || theme === 'light') return theme;
  return systemIsLight.matches ? 'light' : 'dark';
}

export function applyStoredTheme(): void {
  const stored = localStorage.getItem(STORAGE_KEY);
  if (stored === 'dark' || stored === 'light') document.documentElement.setAttribute(ATTRIBUTE, stored);
}

export function toggleTheme(): void {
  const theme = currentTheme() === 'dark' ? 'light' : 'dark';
  document.documentElement.setAttribute(ATTRIBUTE, theme);
  localStorage.setItem(STORAGE_KEY, theme);
  dispatchEvent(new Event(CHANGED));
}

/** Calls the listener when the colours have changed, until the returned function is called. */
export function onThemeChange(listener: () => void): () => void {
  addEventListener(CHANGED, listener);
  systemIsLight.addEventListener('change', listener);
  return () => {
    removeEventListener(CHANGED, listener);
    systemIsLight.removeEventListener('change', listener);
  };
}
