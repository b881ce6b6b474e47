/** Where things are on the stage, in its own units. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export const STAGE_WIDTH = 640;
export const STAGE_HEIGHT = 470;

const CENTRE: Point = { x: STAGE_WIDTH / 2, y: STAGE_HEIGHT / 2 + 4 };
/** The two directions of a link run side by side. */
const LANE_OFFSET = 7;

export function nodeRadius(serverCount: number): number {
  return serverCount <= 5 ? 47 : 36;
}

/** A server's place: on a ring, the first at the top. Two stand side by side, one in the middle. */
export function nodePlace(id: number, serverCount: number): Point {
  if (serverCount === 1) return CENTRE;
  const start = serverCount === 2 ? Math.PI : -Math.PI / 2;
  const angle = start + (2 * Math.PI * id) / serverCount;
  const radius = serverCount === 3 ? 180 : 170;
  const lift = serverCount === 3 ? 44 : 0;
  return {
    x: CENTRE.x + Math.cos(angle) * radius * 1.22,
    y: CENTRE.y + lift + Math.sin(angle) * radius,
  };
}

/** The lane of messages from one server to another, between the rims of both. */
export function lane(from: number, to: number, serverCount: number): readonly [Point, Point] {
  const a = nodePlace(from, serverCount);
  const b = nodePlace(to, serverCount);
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const along = { x: (b.x - a.x) / length, y: (b.y - a.y) / length };
  const rim = nodeRadius(serverCount) + 9;
  const side = { x: -along.y * LANE_OFFSET, y: along.x * LANE_OFFSET };
  return [
    { x: a.x + along.x * rim + side.x, y: a.y + along.y * rim + side.y },
    { x: b.x - along.x * rim + side.x, y: b.y - along.y * rim + side.y },
  ];
}

export function between([a, b]: readonly [Point, Point], progress: number): Point {
  return { x: a.x + (b.x - a.x) * progress, y: a.y + (b.y - a.y) * progress };
}

/** The servers on either side of a line, or nothing when all are on one. */
export function split(
  [a, b]: readonly [Point, Point],
  serverCount: number,
): readonly [number[], number[]] | undefined {
  const left: number[] = [];
  const right: number[] = [];
  for (let id = 0; id < serverCount; id += 1) {
    const { x, y } = nodePlace(id, serverCount);
    const isLeft = (b.x - a.x) * (y - a.y) - (b.y - a.y) * (x - a.x) < 0;
    (isLeft ? left : right).push(id);
  }
  return left.length === 0 || right.length === 0 ? undefined : [left, right];
}
