/** Small pictures, drawn in the colour of the text beside them. */

const PATHS = {
  crown: 'M2.5 12.5h11M3 10.5 2.2 4.6l3.3 2.6L8 3.2l2.5 4 3.3-2.6-.8 5.9z',
  kill: 'M4 4l8 8M12 4l-8 8',
  restart: 'M12.8 6A5.2 5.2 0 1 0 13.2 9M13 2.8V6H9.8',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  cut: 'M2.5 8h3M7 8h2M10.5 8h3M5 3.5l6 9',
  heal: 'M3 8.5l3.2 3.2L13 4.8',
  link: 'M2.5 8h11M10.5 5l3 3-3 3',
  transfer: 'M2.5 5.5h10M10 3l2.5 2.5L10 8M13.5 10.5h-10M6 8l-2.5 2.5L6 13',
  up: 'M8 13V3.5M4.5 7L8 3.5 11.5 7',
  snapshot: 'M3 4.5h10v8H3zM6 4.5V3h4v1.5M8 7v3M6.5 8.5h3',
  sun: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6M8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M12.6 3.4l-1.1 1.1M4.5 11.5l-1.1 1.1',
  moon: 'M13 9.6A5.4 5.4 0 1 1 6.4 3a4.4 4.4 0 0 0 6.6 6.6z',
  add: 'M8 3.5v9M3.5 8h9',
  remove: 'M3 4.5h10M6.2 4.5V3h3.6v1.5M4.3 4.5l.6 8.5h6.2l.6-8.5',
  replace: 'M3 6.5A5.2 5.2 0 0 1 12.6 5M13 2.8V5.4h-2.6M13 9.5A5.2 5.2 0 0 1 3.4 11M3 13.2v-2.6h2.6',
  disk: 'M3.2 4.4c0-2 9.6-2 9.6 0v7.2c0 2-9.6 2-9.6 0zM3.2 4.4c0 2 9.6 2 9.6 0',
  close: 'M4.5 4.5l7 7M11.5 4.5l-7 7',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
