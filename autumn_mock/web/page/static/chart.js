// The charts of the overview: lines over the last five minutes.

import { svg } from "./dom.js";

export const SPAN_MS = 300000;
const HEIGHT = 147;
const LEFT = 44;
const BOTTOM = 20;

/** The next round number: 1, 2 or 5 times a power of ten. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return power * [1, 2, 5, 10].find((step) => step * power >= value);
}

function pathOf(points, toX, toY) {
  return points.map(([at, value], index) => `${index ? "L" : "M"}${toX(at).toFixed(1)} ${toY(value).toFixed(1)}`).join("");
}

/** Draw series, {name, className, points: [[ms, value]], axis, least, write}, into a figure; `axis` is "left" or "right". */
export function draw(figure, series, now) {
  const width = Math.max(figure.clientWidth, 200);
  const right = series.some((each) => each.axis === "right") ? width - 48 : width - 6;
  const toX = (at) => LEFT + (1 - (now - at) / SPAN_MS) * (right - LEFT);
  const children = [];
  const parts = [];
  for (const axis of ["left", "right"]) {
    const drawn = series.filter((each) => (each.axis ?? "left") === axis);
    if (!drawn.length) continue;
    const top = nice(Math.max(drawn[0].least ?? 1, ...drawn.flatMap((each) => each.points.map((point) => point[1]))));
    const toY = (value) => 8 + (1 - value / top) * (HEIGHT - BOTTOM - 8);
    for (const share of [0, 0.5, 1]) {
      const y = toY(top * share);
      if (axis === "left") children.push(svg("line", { class: "grid", x1: LEFT, x2: right, y1: y, y2: y }));
      const place = axis === "left" ? { x: LEFT - 8, "text-anchor": "end" } : { x: right + 8 };
      children.push(svg("text", { ...place, y: y + 4 }, drawn[0].write(top * share)));
    }
    for (const { className, points } of drawn) {
      if (points.length < 2) continue;
      const line = pathOf(points, toX, toY);
      if (axis === "left" && (className === "one" || className === "three")) {
        const ends = `L${toX(points.at(-1)[0]).toFixed(1)} ${toY(0)}L${toX(points[0][0]).toFixed(1)} ${toY(0)}Z`;
        children.push(svg("path", { class: `area ${className}`, d: line + ends }));
      }
      children.push(svg("path", { class: className, d: line }));
    }
    for (const { name, points, write } of drawn) parts.push(`${name} ${write(points.at(-1)?.[1] ?? 0)}`);
  }
  children.push(svg("text", { x: LEFT, y: HEIGHT - 2 }, "5 min ago"));
  const first = Math.min(...series.flatMap((each) => each.points.slice(0, 1).map((point) => point[0])));
  if (Number.isFinite(first) && now - first < SPAN_MS * 0.7) { // later the label would meet the one at the left
    children.push(svg("line", { class: "grid", x1: toX(first), x2: toX(first), y1: 8, y2: HEIGHT - BOTTOM }));
    children.push(svg("text", { x: Math.min(toX(first), right - 70), y: HEIGHT - 2, "text-anchor": "middle" }, "page opened"));
  }
  children.push(svg("text", { x: right, y: HEIGHT - 2, "text-anchor": "end" }, "now"));
  let image = figure.firstElementChild;
  if (!image) {
    image = svg("svg", { role: "img" });
    figure.append(image);
  }
  image.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  image.setAttribute("aria-label", `Now: ${parts.join(", ")}`);
  image.replaceChildren(...children);
}
