/** What timeline and graph are drawn on: sharp on every screen, in the page's colours, one drawing a frame. */
import { useEffect, useRef } from 'react';
import { colour } from './chart';

export interface Surface {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  colour: (name: string) => string;
}

interface Props {
  draw: (surface: Surface) => void;
  className?: string;
  label?: string;
  /** Whatever else calls for a new drawing hands its function here. */
  again?: { current: () => void };
}

export function Canvas({ draw, className, label, again }: Props) {
  const element = useRef<HTMLCanvasElement>(null);
  const latest = useRef(draw);
  latest.current = draw;
  const request = useRef(() => {});

  useEffect(() => {
    const canvas = element.current;
    const context = canvas?.getContext('2d');
    if (!canvas || !context) return;
    let frame = 0;
    let colours = new Map<string, string>();
    const named = (name: string) => {
      let found = colours.get(name);
      if (!found) colours.set(name, (found = colour(name)));
      return found;
    };
    const paint = () => {
      frame = 0;
      const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio || 1];
      if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
      if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      latest.current({ context, width, height, colour: named });
    };
    request.current = () => {
      frame ||= requestAnimationFrame(paint);
    };
    if (again) again.current = request.current;
    const recoloured = () => {
      colours = new Map();
      request.current();
    };
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', recoloured);
    const observer = new ResizeObserver(request.current);
    observer.observe(canvas);
    request.current();
    return () => {
      cancelAnimationFrame(frame);
      dark.removeEventListener('change', recoloured);
      observer.disconnect();
    };
  }, []);
  useEffect(() => request.current());

  return <canvas ref={element} className={className} {...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true })} />;
}
