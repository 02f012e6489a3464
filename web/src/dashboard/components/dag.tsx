/** A graph on a canvas: drag to move, ctrl and wheel to zoom, arrows to go from node to node. */
import { useEffect, useMemo, useRef, useState } from 'react';
import { BOX, type Graph, type GraphNode, beside } from '../pages/execution/graphmodel';
import { Canvas, type Surface } from './canvas';
import { word, type Status } from './status';

interface View {
  x: number;
  y: number;
  scale: number;
}

interface Props {
  graph: Graph;
  label: string;
  selected: string | null;
  select: (key: string | null) => void;
  /** Whether nodes have a status worth showing. */
  plain?: boolean;
}

const MARGIN = 24;
const LEAST = 0.02;
const MOST = 2;

function fitted(graph: Graph, width: number, height: number): View {
  const scale = Math.min(1, (width - 2 * MARGIN) / graph.width, (height - 2 * MARGIN) / graph.height);
  return { scale, x: (width - graph.width * scale) / 2, y: (height - graph.height * scale) / 2 };
}

export function Dag({ graph, label, selected, select, plain = false }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const drag = useRef<{ x: number; y: number; moved: boolean } | null>(null);
  const [view, setView] = useState<View | null>(null);
  const chosen = selected === null ? null : graph.nodeOf(selected);
  const near = useMemo(() => {
    const keys = new Set<string>();
    if (chosen !== null) for (const [from, to] of graph.edges) if (from === chosen || to === chosen) keys.add(from).add(to);
    return keys;
  }, [graph, chosen]);

  const fit = () => {
    const element = place.current;
    if (element) setView(fitted(graph, element.clientWidth, element.clientHeight));
  };
  useEffect(fit, [graph.width, graph.height]);

  const zoom = (factor: number, at?: { x: number; y: number }) =>
    setView((view) => {
      const element = place.current;
      if (!view || !element) return view;
      const centre = at ?? { x: element.clientWidth / 2, y: element.clientHeight / 2 };
      const scale = Math.min(MOST, Math.max(LEAST, view.scale * factor));
      const by = scale / view.scale;
      return { scale, x: centre.x - (centre.x - view.x) * by, y: centre.y - (centre.y - view.y) * by };
    });
  const show = (node: GraphNode) =>
    setView((view) => {
      const element = place.current;
      if (!view || !element) return view;
      const [x, y] = [view.x + node.x * view.scale, view.y + node.y * view.scale];
      const inside = x >= 0 && y >= 0 && x + BOX.width * view.scale <= element.clientWidth && y + BOX.height * view.scale <= element.clientHeight;
      return inside ? view : { ...view, x: element.clientWidth / 2 - (node.x + BOX.width / 2) * view.scale, y: element.clientHeight / 2 - node.y * view.scale };
    });
  const within = (event: React.PointerEvent | React.MouseEvent) => {
    const box = (place.current as HTMLDivElement).getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const hit = ({ x, y }: { x: number; y: number }): GraphNode | undefined => {
    if (!view) return undefined;
    const [left, top] = [(x - view.x) / view.scale, (y - view.y) / view.scale];
    return [...graph.nodes.values()].find((node) => left >= node.x && left <= node.x + BOX.width && top >= node.y - BOX.down / 2 && top <= node.y + BOX.height + BOX.down / 2);
  };
  const wheel = useRef<(event: WheelEvent) => void>(() => {});
  wheel.current = (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const box = (place.current as HTMLDivElement).getBoundingClientRect();
    zoom(event.deltaY > 0 ? 0.85 : 1.18, { x: event.clientX - box.left, y: event.clientY - box.top });
  };
  useEffect(() => {
    const element = place.current;
    const heard = (event: WheelEvent) => wheel.current(event);
    element?.addEventListener('wheel', heard, { passive: false });
    return () => element?.removeEventListener('wheel', heard);
  }, []);

  const node = chosen === null ? undefined : graph.nodes.get(chosen);
  const said = node ? `${node.label}${plain ? '' : `, ${word(node.status)}`}` : 'no step chosen';
  return (
    <div className="graph">
      <div
        ref={place}
        className="surface"
        style={{ height: `clamp(200px, ${Math.round(graph.height + 4 * MARGIN)}px, max(340px, 100vh - 330px))` }}
        tabIndex={0}
        role="application"
        aria-label={`${label}: ${graph.nodes.size} ${graph.grouped ? 'groups of steps' : 'steps'}, ${said}. Arrows go from step to step.`}
        onPointerDown={(event) => {
          drag.current = { ...within(event), moved: false };
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => {
          const start = drag.current;
          if (!start) return;
          const at = within(event);
          if (Math.abs(at.x - start.x) + Math.abs(at.y - start.y) < 4 && !start.moved) return;
          setView((view) => view && { ...view, x: view.x + at.x - start.x, y: view.y + at.y - start.y });
          drag.current = { ...at, moved: true };
        }}
        onPointerUp={(event) => {
          const start = drag.current;
          drag.current = null;
          if (start?.moved) return;
          const found = hit(within(event));
          select(found && found.key !== chosen ? found.key : null);
        }}
        onKeyDown={(event) => {
          if (event.key === '+' || event.key === '-') return zoom(event.key === '+' ? 1.25 : 0.8);
          if (!event.key.startsWith('Arrow')) return;
          event.preventDefault();
          const next = chosen === null ? graph.layers[0]?.[0] : beside(graph, chosen, event.key as 'ArrowLeft');
          if (next === undefined) return;
          select(next);
          show(graph.nodes.get(next) as GraphNode);
        }}
      >
        <Canvas draw={(surface) => view && draw(surface, graph, view, chosen, near, plain)} />
      </div>
      <div className="bar zoom">
        <button type="button" className="quiet" aria-label="Zoom in" onClick={() => zoom(1.25)}>
          +
        </button>
        <button type="button" className="quiet" aria-label="Zoom out" onClick={() => zoom(0.8)}>
          −
        </button>
        <button type="button" className="quiet" onClick={fit}>
          Fit
        </button>
      </div>
    </div>
  );
}

function draw({ context, width, height, colour }: Surface, graph: Graph, view: View, chosen: string | null, near: ReadonlySet<string>, plain: boolean): void {
  context.translate(view.x, view.y);
  context.scale(view.scale, view.scale);
  const left = -view.x / view.scale;
  const top = -view.y / view.scale;
  const right = left + width / view.scale;
  const bottom = top + height / view.scale;
  const centre = (node: GraphNode) => node.y + BOX.height / 2;
  for (const strong of [false, true]) {
    context.strokeStyle = colour(strong ? 'accent' : 'edge');
    context.lineWidth = (strong ? 2 : 1.2) / Math.max(0.4, view.scale);
    context.beginPath();
    for (const [from, to] of graph.edges) {
      if ((from === chosen || to === chosen) !== strong) continue;
      const [a, b] = [graph.nodes.get(from) as GraphNode, graph.nodes.get(to) as GraphNode];
      const [x, y, u, v] = [a.x + BOX.width, centre(a), b.x, centre(b)];
      if (u < left || x > right || Math.max(y, v) < top || Math.min(y, v) > bottom) continue;
      const bend = Math.max(24, (u - x) / 2);
      context.moveTo(x, y);
      context.bezierCurveTo(x + bend, y, u - bend, v, u, v);
    }
    context.stroke();
  }
  const legible = view.scale > 0.35;
  context.textBaseline = 'middle';
  context.font = '13px system-ui, sans-serif';
  for (const node of graph.nodes.values()) {
    if (node.x + BOX.width < left || node.x > right || node.y + BOX.height < top || node.y > bottom) continue;
    const tone = colour(plain ? 'muted' : node.status);
    context.globalAlpha = chosen === null || node.key === chosen || near.has(node.key) ? 1 : 0.55;
    context.fillStyle = colour(node.key === chosen ? 'selected' : 'surface');
    context.strokeStyle = node.key === chosen ? colour('accent') : tone;
    context.lineWidth = node.key === chosen ? 2.5 : 1.3;
    context.setLineDash(node.status === 'PENDING' && !plain ? [5, 4] : []);
    context.beginPath();
    context.roundRect(node.x, node.y, BOX.width, BOX.height, 7);
    context.fill();
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = tone;
    context.beginPath();
    context.roundRect(node.x, node.y, 5, BOX.height, [7, 0, 0, 7]);
    context.fill();
    if (legible) {
      context.save();
      context.beginPath();
      context.rect(node.x + 10, node.y, BOX.width - 18, BOX.height);
      context.clip();
      if (!plain) {
        context.fillText(SIGNS[node.status as Status] ?? '', node.x + 12, node.y + BOX.height / 2 + 1);
      }
      context.fillStyle = colour('text');
      context.fillText(clipped(context, node.label, BOX.width - (plain ? 22 : 40)), node.x + (plain ? 14 : 30), node.y + BOX.height / 2 + 1);
      context.restore();
    }
  }
  context.globalAlpha = 1;
}

const SIGNS: Record<Status, string> = { COMPLETED: '✓', FAILED: '✕', RUNNING: '▶', PENDING: '○', RETRYING: '↻', SKIPPED: '»', CANCELLED: '⊘', TIMED_OUT: '◷', PAUSED: '‖' };

/** The label, or its end where it has no room: that is where keys differ. */
function clipped(context: CanvasRenderingContext2D, label: string, room: number): string {
  if (context.measureText(label).width <= room) return label;
  const share = room / context.measureText(label).width;
  return `…${label.slice(-Math.max(4, Math.floor(label.length * share) - 1))}`;
}
