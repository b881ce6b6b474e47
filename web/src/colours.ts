/** Colours with a meaning: each term has one, and each server another. */

import { currentTheme } from './theme.ts';

/** Hues of terms leave out red, which means trouble. */
const FIRST_HUE = 60;
const HUE_RANGE = 275;
/** Neighbouring terms are far apart, and none of the first dozens is the same as another. */
const GOLDEN_RATIO = 0.618034;

export function termColour(term: number, alpha = 1): string {
  const hue = FIRST_HUE + ((term * GOLDEN_RATIO + 0.08) % 1) * HUE_RANGE;
  const [lightness, chroma] = currentTheme() === 'dark' ? [76, 0.135] : [60, 0.15];
  return `oklch(${lightness}% ${chroma} ${hue.toFixed(1)} / ${alpha})`;
}

const SERVER_HUES = [255, 35, 155, 320, 85, 200, 285, 5, 120];

export function serverColour(id: number): string {
  const hue = SERVER_HUES[id % SERVER_HUES.length] ?? 0;
  return currentTheme() === 'dark' ? `oklch(76% 0.13 ${hue})` : `oklch(55% 0.16 ${hue})`;
}

/** The value of a custom property of the style sheet. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
