/** The links between servers, with what disturbs them. */

import type { Frame } from '../../src/admin/live/view.js';
import { between, type Ring } from './geometry.ts';

/** Where on a lane its fault is written: those of the two directions stand apart. */
const LABEL_AT = 0.42;

export function Links({ frame, ring }: { readonly frame: Frame; readonly ring: Ring }) {
  const lanes = ring.ids.flatMap((from) =>
    ring.ids
      .filter((to) => to !== from)
      .map((to) => <LinkLane key={`${from}-${to}`} from={from} to={to} frame={frame} ring={ring} />),
  );
  return <g class={ring.isCrowded ? 'links is-crowded' : 'links'}>{lanes}</g>;
}

function LinkLane({
  from,
  to,
  frame,
  ring,
}: {
  readonly from: number;
  readonly to: number;
  readonly frame: Frame;
  readonly ring: Ring;
}) {
  const path = ring.lane(from, to);
  const [a, b] = path;
  const fault = frame.faults.links.find((link) => link.from === from && link.to === to);
  const isCut = groupIn(frame, from) !== groupIn(frame, to);
  const isDown = frame.servers.some(({ id, state }) => state === 'stopped' && (id === from || id === to));
  const names = [
    'link',
    isDown ? 'is-down' : '',
    isCut ? 'is-cut' : '',
    !isCut && fault !== undefined ? 'is-faulty' : '',
  ];
  const label = fault === undefined || isCut ? '' : faultLabel(fault.dropRate, fault.delayMs);
  const at = between(path, LABEL_AT);
  return (
    <g class={names.filter((name) => name !== '').join(' ')}>
      <line x1={a.x} y1={a.y} x2={b.x} y2={b.y} />
      {label !== '' && (
        <text class="link-label" x={at.x} y={at.y - 5}>
          {label}
        </text>
      )}
    </g>
  );
}

function groupIn({ faults }: Frame, id: number): number {
  return faults.groups.findIndex((group) => group.includes(id));
}

export function faultLabel(dropRate: number, [minMs, maxMs]: readonly [number, number]): string {
  const parts: string[] = [];
  if (dropRate > 0) parts.push(`${Math.round(dropRate * 100)} % lost`);
  if (maxMs > 0) parts.push(minMs === maxMs ? `${maxMs} ms` : `${minMs}–${maxMs} ms`);
  return parts.join(', ');
}
